"""Full ranking against a sort of everything."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from recsmith.engine import ranking
from recsmith.engine.evaluate import evaluate
from recsmith.engine.metrics import per_user
from recsmith.engine.ranking import block_rows, top_lists, top_of, top_scored
from recsmith.engine.vectors import vectors
from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import from_pairs


@dataclass
class Table:
    """A model that is a table of scores."""

    table: np.ndarray

    @property
    def n_users(self) -> int:
        return self.table.shape[0]

    @property
    def n_items(self) -> int:
        return self.table.shape[1]

    def scores(self, users: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(self.table[users].astype(np.float32))


def graph_of(n_users: int, n_items: int, edges: int, seed: int = 0) -> Graph:
    draw = np.random.default_rng(seed)
    return from_edges(draw.integers(0, n_users, edges), draw.integers(0, n_items, edges), n_users, n_items)


def sorted_lists(table: np.ndarray, seen: Graph, k: int) -> np.ndarray:
    """The definition: order by (-score, item), seen items left out, padded with -1."""
    lists = np.full((len(table), k), -1)
    for user, row in enumerate(table):
        unseen = [item for item in np.lexsort((np.arange(len(row)), -row)) if not seen.binary[user, item]]
        unseen = [item for item in unseen if row[item] > -np.inf][:k]
        lists[user, : len(unseen)] = unseen
    return lists


@pytest.mark.parametrize("levels", [1, 2, 5, 1000])
@pytest.mark.parametrize("k", [1, 7, 40, 60])
def test_lists_are_those_of_a_full_sort_with_ties_by_item_index(levels: int, k: int) -> None:
    seen = graph_of(30, 40, 300)
    table = np.random.default_rng(levels).integers(-levels, levels + 1, (30, 40)) / 3
    lists = top_lists(Table(table), np.arange(30), k, seen, memory_mb=10)
    assert lists.dtype == np.int32
    assert lists.tolist() == sorted_lists(table.astype(np.float32), seen, k).tolist()


def test_plus_and_minus_zero_are_tied() -> None:
    columns, _ = top_of(torch.tensor([[-0.0, 0.0, -0.0, 0.0, -1.0]]), 3)
    assert columns.tolist() == [[0, 1, 2]]


def test_seen_and_impossible_items_are_never_listed() -> None:
    seen = from_edges(np.array([0, 0, 0]), np.array([0, 1, 3]), 1, 5)
    table = np.array([[5.0, 4.0, 3.0, 2.0, -np.inf]])
    lists, scores = top_scored(Table(table), np.array([0]), 4, seen, memory_mb=10)
    assert lists.tolist() == [[2, -1, -1, -1]]
    assert scores.tolist() == [[3.0, -np.inf, -np.inf, -np.inf]]


def test_a_cutoff_beyond_the_catalogue_is_padded() -> None:
    seen = from_edges(np.array([0]), np.array([2]), 2, 3)
    lists = top_lists(Table(np.array([[1.0, 2, 3], [1, 2, 3]])), np.array([0, 1]), 6, seen, memory_mb=10)
    assert lists.tolist() == [[1, 0, -1, -1, -1, -1], [2, 1, 0, -1, -1, -1]]


@pytest.mark.parametrize("rows", [1, 3, 50])
def test_results_do_not_depend_on_the_size_of_a_block(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, draw = graph_of(50, 70, 400), torch.Generator().manual_seed(0)
    model = vectors(torch.randn(50, 16, generator=draw), torch.randn(70, 16, generator=draw), seen)
    lists, scores = top_scored(model, np.arange(50), 20, seen, memory_mb=100)
    monkeypatch.setattr(ranking, "CACHE_SCORES", rows * 70)
    other_lists, other_scores = top_scored(model, np.arange(50), 20, seen, memory_mb=100)
    assert lists.tolist() == other_lists.tolist()
    np.testing.assert_allclose(scores, other_scores, atol=1e-5)


def test_blocks_fit_into_the_memory_that_is_allowed() -> None:
    assert block_rows(1_000_000, memory_mb=160) == 5
    assert block_rows(1_000_000, memory_mb=64) * 1_000_000 * 4 * ranking.COPIES <= 64 * 2**20
    assert block_rows(10**9, memory_mb=1) == 1


def test_nobody_asked_gives_no_list() -> None:
    seen = graph_of(3, 4, 5)
    assert top_lists(Table(np.zeros((3, 4))), np.zeros(0, np.int64), 2, seen, memory_mb=10).shape == (0, 2)


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UserError, match="diverged"):
        top_of(torch.tensor([[0.0, float("nan"), 1.0]]), 1)


def test_users_without_history_are_served_popularity_and_cold_items_are_misses() -> None:
    seen = from_edges(np.array([0, 1, 1]), np.array([2, 2, 0]), 3, 4)
    model = vectors(torch.zeros(3, 2), torch.ones(4, 2), seen)
    relevant = from_pairs(np.array([2, 2]), np.array([0, 77]), 3, 4)
    values = evaluate(model, seen, relevant, (1, 2), memory_mb=10)
    assert (values["recall@1"], values["recall@2"], values["mrr@2"]) == (0, 0.5, 0.5)


def test_evaluate_averages_over_users_with_something_relevant() -> None:
    seen = from_edges(np.array([0, 1, 2]), np.array([0, 0, 0]), 3, 4)
    relevant = from_pairs(np.array([0, 2]), np.array([1, 3]), 3, 4)
    values = evaluate(Table(np.array([[0, 3.0, 2, 1]] * 3)), seen, relevant, (1, 3), memory_mb=10)
    expected = per_user(np.array([[True, False, False], [False, False, True]]), np.array([1, 1]), (1, 3))
    assert values == {name: pytest.approx(value.mean()) for name, value in expected.items()}
