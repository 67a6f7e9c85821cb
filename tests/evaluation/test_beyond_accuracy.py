"""Coverage, novelty, diversity and Gini against fractions worked by hand."""

import math

import numpy as np
import pytest

from recsmith.evaluation.beyond import beyond_accuracy, coverage, diversity, gini, novelty, recommended
from recsmith.graph.graph import Graph, from_edges

# Four users, four items: item 0 is touched by all four, item 1 by users 0 and 1, item 2 by user 2, item 3 by nobody.
USERS = np.array([0, 1, 2, 3, 0, 1, 2])
ITEMS = np.array([0, 0, 0, 0, 1, 1, 2])


@pytest.fixture
def graph() -> Graph:
    return from_edges(USERS, ITEMS, 4, 4)


def test_coverage_is_the_share_of_items_that_stand_in_some_list() -> None:
    assert coverage(np.array([[0, 1], [1, -1]]), 8) == 2 / 8


def test_novelty_is_the_mean_self_information_and_an_untouched_item_counts_as_touched_once(graph: Graph) -> None:
    # log2(4/4) = 0, log2(4/2) = 1, log2(4/1) = 2, and 2 for the untouched one.
    assert novelty(np.array([[0, 1]]), graph) == pytest.approx(1 / 2)
    assert novelty(np.array([[2, 3]]), graph) == pytest.approx(2)
    assert novelty(np.array([[0, 1], [2, -1]]), graph) == pytest.approx((1 / 2 + 2) / 2)


def test_diversity_is_one_minus_the_cosine_of_the_users_of_two_items(graph: Graph) -> None:
    assert diversity(np.array([[0, 1]]), graph) == pytest.approx(1 - 2 / math.sqrt(8))
    assert diversity(np.array([[1, 2]]), graph) == pytest.approx(1)
    assert diversity(np.array([[0, 3]]), graph) == pytest.approx(1)


def test_diversity_of_three_items_averages_the_three_pairs(graph: Graph) -> None:
    pairs = [1 - 2 / math.sqrt(8), 1 - 1 / math.sqrt(4), 1]
    assert diversity(np.array([[0, 1, 2]]), graph) == pytest.approx(sum(pairs) / 3)


def test_diversity_leaves_out_lists_of_one_item(graph: Graph) -> None:
    assert diversity(np.array([[0, -1], [1, 2]]), graph) == pytest.approx(1)
    assert diversity(np.array([[0, -1]]), graph) is None


@pytest.mark.parametrize(("counts", "worth"), [([5, 5, 5], 0), ([0, 0, 9], 2 / 3), ([1, 3], 1 / 4)])
def test_gini_equals_the_fraction_worked_by_hand(counts: list[int], worth: float) -> None:
    assert gini(np.array(counts)) == pytest.approx(worth)


def test_nothing_recommended_has_no_gini_and_no_novelty(graph: Graph) -> None:
    values = beyond_accuracy(np.full((2, 2), -1), graph, (2,))
    assert values == {"coverage@2": 0.0, "novelty@2": None, "diversity@2": None, "gini@2": None}


def test_a_shorter_cutoff_looks_at_the_head_of_the_list_only(graph: Graph) -> None:
    values = beyond_accuracy(np.array([[0, 1, 2]]), graph, (1, 3))
    assert values["coverage@1"] == 1 / 4
    assert values["coverage@3"] == 3 / 4


def test_padding_is_not_an_item() -> None:
    assert recommended(np.array([[0, -1], [-1, -1]]), 2).tolist() == [1, 0]
