"""Sampled non-pairs and the numbers that tell pairs from them."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score

from recsmith.evaluation.discrimination import accuracy, area_under_roc, average_precision, best_threshold
from recsmith.evaluation.links import link_metrics, sample_pairs, threshold_on
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import Relevant, from_pairs


@pytest.mark.parametrize("levels", [3, 1000])
def test_auc_and_average_precision_equal_scikit_learn_with_and_without_ties(levels: int) -> None:
    random = np.random.default_rng(0)
    scores, label = random.integers(levels, size=400) / levels, random.random(400) < 0.3
    assert area_under_roc(scores, label) == pytest.approx(roc_auc_score(label, scores))
    assert average_precision(scores, label) == pytest.approx(average_precision_score(label, scores))


def test_the_threshold_is_the_most_accurate_of_all() -> None:
    random = np.random.default_rng(1)
    scores, label = random.integers(20, size=300), random.random(300) < 0.5
    best = best_threshold(scores, label)
    every = [accuracy_score(label, scores >= value) for value in np.unique(scores)]
    assert accuracy(scores, label, best) == pytest.approx(max(every))


def random_case(seed: int = 0) -> tuple[Graph, Relevant, set[tuple[int, ...]], np.ndarray]:
    random = np.random.default_rng(seed)
    seen = np.unique(random.integers((30, 20), size=(200, 2)), axis=0)
    test = np.unique(random.integers((30, 25), size=(80, 2)), axis=0)
    seen_keys = set(map(tuple, seen))
    test = np.array([pair for pair in test if tuple(pair) not in seen_keys])
    return from_edges(seen[:, 0], seen[:, 1], 30, 20), from_pairs(test[:, 0], test[:, 1], 30, 20), seen_keys, test


def test_a_sampled_non_pair_is_neither_seen_nor_a_pair() -> None:
    graph, relevant, seen, test = random_case()
    pairs = sample_pairs(relevant, graph, 5, seed=3)
    known = seen | set(map(tuple, test))
    drawn = list(zip(pairs.users[~pairs.label].tolist(), pairs.items[~pairs.label].tolist(), strict=True))
    assert len(drawn) == 5 * pairs.label.sum() > 0
    assert not known & set(drawn)
    assert max(item for _, item in drawn) < 20


def test_every_item_that_a_user_does_not_know_can_be_drawn() -> None:
    graph = from_edges(np.array([0, 0]), np.array([1, 4]), 1, 7)
    pairs = sample_pairs(from_pairs(np.array([0]), np.array([0]), 1, 7), graph, 400, seed=0)
    assert set(pairs.items[~pairs.label].tolist()) == {2, 3, 5, 6}


def test_the_same_seed_draws_the_same_non_pairs() -> None:
    graph, relevant, *_ = random_case()
    first, again, other = (sample_pairs(relevant, graph, 1, seed) for seed in (5, 5, 6))
    assert np.array_equal(first.items, again.items)
    assert not np.array_equal(first.items, other.items)


def test_cold_items_users_without_history_and_users_who_know_everything_are_left_out_and_counted() -> None:
    graph = from_edges(np.array([0, 2, 2]), np.array([0, 0, 1]), 3, 3)
    relevant = from_pairs(np.array([0, 0, 1, 2]), np.array([1, 9, 1, 2]), 3, 3)
    pairs = sample_pairs(relevant, graph, 1, seed=0)
    assert pairs.users[pairs.label].tolist() == [0]
    assert pairs.left_out == 3


def test_perfect_scores_give_perfect_numbers() -> None:
    graph, relevant, _, test = random_case()
    truth = {tuple(pair) for pair in test.tolist()}
    pairs = sample_pairs(relevant, graph, 1, seed=0)

    def scores(users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return np.array([pair in truth for pair in zip(users.tolist(), items.tolist(), strict=True)], float)

    values = link_metrics(scores(pairs.users, pairs.items), pairs, threshold_on(scores, pairs))
    assert (values["auc"], values["average_precision"], values["accuracy"]) == (1, 1, 1)


def test_where_no_pair_is_warm_there_is_no_number() -> None:
    graph = from_edges(np.array([0]), np.array([0]), 2, 2)
    pairs = sample_pairs(from_pairs(np.array([1]), np.array([0]), 2, 2), graph, 1, seed=0)
    values = link_metrics(np.zeros(0), pairs, None)
    assert values["auc"] is None
    assert values["left_out"] == 1
