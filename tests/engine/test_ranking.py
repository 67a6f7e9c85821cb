"""Full ranking against a sort of everything."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from recsmith.engine.rank import largest as largest_module
from recsmith.engine.rank import ranking
from recsmith.engine.rank.evaluate import evaluate
from recsmith.engine.rank.largest import largest
from recsmith.engine.rank.metrics import per_user
from recsmith.engine.rank.ranking import block_rows, mask_seen, top_lists, top_of, top_scored
from recsmith.engine.vectors import vectors
from recsmith.errors import SizedOut, UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import from_pairs
from recsmith.model.contract import Reusing


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
    monkeypatch.setattr(ranking, "REUSED_SCORES", rows * 70)
    other_lists, other_scores = top_scored(model, np.arange(50), 20, seen, memory_mb=100)
    assert lists.tolist() == other_lists.tolist()
    np.testing.assert_allclose(scores, other_scores, atol=1e-5)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    seen, draw = graph_of(200, 3000, 900), torch.Generator().manual_seed(3)
    model = vectors(torch.randn(200, 16, generator=draw), torch.randn(3000, 16, generator=draw), seen)
    before, ranked = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            ranked.append(top_scored(model, np.arange(200), 20, seen, memory_mb=100))
    finally:
        torch.set_num_threads(before)
    assert ranked[0][0].tolist() == ranked[1][0].tolist()
    np.testing.assert_allclose(ranked[0][1], ranked[1][1], atol=1e-5)


def test_blocks_fit_into_the_memory_that_is_allowed() -> None:
    assert block_rows(1_000_000, memory_mb=160) == 5
    assert block_rows(1_000_000, memory_mb=64) * 1_000_000 * 4 * ranking.COPIES <= 64 * 2**20
    assert block_rows(10**9, memory_mb=1) == 1


@dataclass
class Cramped(Table):
    """A model on a device that has room for a few users at once."""

    room: int

    def scores(self, users: np.ndarray) -> torch.Tensor:
        if len(users) > self.room:
            raise torch.OutOfMemoryError("no room")
        return super().scores(users)


def test_blocks_are_halved_where_memory_runs_out_which_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    seen, table = graph_of(40, 30, 100), np.random.default_rng(0).normal(size=(40, 30))
    expected = top_lists(Table(table), np.arange(40), 5, seen, memory_mb=10)
    assert top_lists(Cramped(table, 6), np.arange(40), 5, seen, memory_mb=10).tolist() == expected.tolist()
    assert capsys.readouterr().err.count("out of memory with 40 users at once") == 1


def test_one_user_that_does_not_fit_is_told() -> None:
    with pytest.raises(SizedOut, match="30 items do not fit"):
        top_lists(Cramped(np.zeros((4, 30)), 0), np.arange(4), 5, graph_of(4, 30, 9), memory_mb=10)


def test_models_that_write_into_one_array_and_models_that_do_not_are_ranked_alike() -> None:
    seen, draw = graph_of(60, 70, 400), torch.Generator().manual_seed(1)
    model = vectors(torch.randn(60, 8, generator=draw), torch.randn(70, 8, generator=draw), seen)
    assert isinstance(model, Reusing)
    table = Table(model.scores(np.arange(60)).numpy().copy())
    assert not isinstance(table, Reusing)
    ranked = [top_scored(which, np.arange(60), 9, seen, memory_mb=10) for which in (model, table)]
    assert ranked[0][0].tolist() == ranked[1][0].tolist()
    np.testing.assert_allclose(ranked[0][1], ranked[1][1], atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_items=st.integers(1, 90),
    k=st.integers(1, 100),
    levels=st.sampled_from([1, 2, 4, 30, 10**6]),
    impossible=st.sampled_from([0.0, 0.3, 0.95, 1.0]),
    edges=st.integers(0, 400),
)
def test_any_ranking_is_that_of_a_full_sort(
    seed: int, n_items: int, k: int, levels: int, impossible: float, edges: int
) -> None:
    draw = np.random.default_rng(seed)
    table = (draw.integers(-levels, levels + 1, (9, n_items)) / 7).astype(np.float32)
    table[draw.random(table.shape) < impossible] = -np.inf
    seen = graph_of(9, n_items, edges, seed)
    with in_small_groups():
        lists = top_lists(Table(table), np.arange(9), k, seen, memory_mb=10)
    assert lists.tolist() == sorted_lists(table, seen, k).tolist()


@contextmanager
def in_small_groups() -> Iterator[None]:
    """Let short rows be searched by groups too, groups of groups included."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(largest_module, "SLICES", 2)
        patch.setattr(largest_module, "SHORT", 2)
        yield


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 5000), k=st.integers(1, 30), levels=st.sampled_from([1, 3, 10**6]))
def test_the_largest_of_groups_are_the_largest_of_the_row(seed: int, n: int, k: int, levels: int) -> None:
    scores = torch.from_numpy(np.random.default_rng(seed).integers(0, levels, (3, n)).astype(np.float32))
    values, columns = largest(scores, min(k, n))
    assert values.tolist() == scores.sort(dim=1, descending=True).values[:, :k].tolist()
    assert scores.gather(1, columns).tolist() == values.tolist()
    assert all(len(set(row)) == len(row) for row in columns.tolist())


def test_a_nan_anywhere_in_a_long_row_is_found() -> None:
    scores = torch.zeros(3, 5000)
    scores[1, 4321] = float("nan")
    with pytest.raises(UserError, match="diverged"):
        top_of(scores, 20)


def test_a_long_row_of_equals_is_listed_by_item_index() -> None:
    scores = torch.zeros(2, 5003)
    scores[1, [7, 4000]] = 1.0
    columns, _ = top_of(scores, 5)
    assert columns.tolist() == [[0, 1, 2, 3, 4], [7, 4000, 0, 1, 2]]


def test_seen_items_are_masked_in_rows_that_are_longer_than_the_catalogue() -> None:
    scores, seen = torch.zeros(2, 8)[:, :5], sparse.csr_matrix(np.array([[1, 0, 0, 0, 1], [0, 1, 0, 0, 0]]))
    assert np.isneginf(mask_seen(scores, seen).numpy()).tolist() == (seen.toarray() > 0).tolist()
    assert np.isneginf(mask_seen(torch.zeros(5, 2).T, seen).numpy()).tolist() == (seen.toarray() > 0).tolist()


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
