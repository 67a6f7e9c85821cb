"""Graphs of odd shapes, and the sort that makes them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsmith.errors import UserError
from recsmith.graph import index
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.index import counting_order, index_type
from recsmith.graph.maps import ids, load, numbers
from recsmith.graph.stats import one

EDGES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6), st.integers(0, 2)), max_size=60)


def graph_of(edges: list[tuple[int, int, int]], **more: np.ndarray) -> Graph:
    rows = np.array(edges, np.int64).reshape(-1, 3)
    return from_edges(rows[:, 0], rows[:, 1], 6, 7, event=rows[:, 2], events=("a", "b", "c"), **more)


@given(EDGES)
def test_edges_are_ordered_as_by_a_sort_with_three_keys_in_both_directions(edges: list[tuple[int, int, int]]) -> None:
    users, items, event = np.array(edges, np.int64).reshape(-1, 3).T
    graph = graph_of(edges, timestamp=np.arange(len(edges)))
    order = np.lexsort((event, items, users))
    assert graph.timestamp.tolist() == order.tolist()
    assert graph.indices.tolist() == items[order].tolist()
    assert graph.indptr.tolist() == [0, *np.cumsum(np.bincount(users, minlength=6))]
    assert graph.item_edge.tolist() == np.lexsort((event[order], users[order], items[order])).tolist()
    assert graph.item_indices.tolist() == users[order][graph.item_edge].tolist()
    assert graph.item_indptr.tolist() == [0, *np.cumsum(np.bincount(items, minlength=7))]


@given(EDGES)
def test_degrees_count_distinct_neighbours(edges: list[tuple[int, int, int]]) -> None:
    graph = graph_of(edges)
    pairs = {edge[:2] for edge in edges}
    assert graph.degrees[0].tolist() == [sum(pair[0] == user for pair in pairs) for user in range(6)]
    assert graph.degrees[1].tolist() == [sum(pair[1] == item for pair in pairs) for item in range(7)]
    assert one(graph)["pairs"] == graph.binary.nnz == len(pairs)


@given(st.lists(st.integers(0, 9), max_size=40))
def test_a_counting_sort_keeps_equal_keys_in_their_order(keys: list[int]) -> None:
    order, starts = counting_order(np.array(keys, np.int32), 10)
    assert order.tolist() == np.argsort(keys, kind="stable").tolist()
    assert starts.tolist() == [0, *np.cumsum(np.bincount(np.array(keys, int), minlength=10))]


def test_parallel_edges_are_summed_and_count_once_as_a_pair() -> None:
    graph = graph_of([(0, 1, 0), (0, 1, 2), (3, 1, 0)], weight=np.array([2.0, 0.5, 1.0], np.float32))
    assert graph.n_edges == 3
    assert graph.weighted.toarray()[[0, 3], 1].tolist() == [2.5, 1.0]
    assert graph.binary.toarray()[[0, 3], 1].tolist() == [1.0, 1.0]


def test_nodes_without_edges_have_empty_rows_in_both_directions() -> None:
    graph = graph_of([(5, 6, 0)])
    assert np.diff(graph.indptr).tolist() == [0, 0, 0, 0, 0, 1]
    assert np.diff(graph.item_indptr).tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert (one(graph)["isolated_users"], one(graph)["isolated_items"]) == (5, 6)


def test_a_user_may_have_every_item() -> None:
    graph = graph_of([(2, item, 0) for item in range(7)])
    assert graph.binary.toarray()[2].tolist() == [1.0] * 7
    assert graph.degrees[0].tolist() == [0, 0, 7, 0, 0, 0]


@pytest.mark.parametrize("weight", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_finite_numbers_are_refused(weight: float) -> None:
    with pytest.raises(UserError, match="finite"):
        graph_of([(0, 0, 0), (1, 1, 0)], weight=np.array([1.0, weight], np.float32))


@pytest.mark.parametrize(
    ("edge", "says"),
    [((6, 0, 0), "users 6 to 6; the graph knows 0 to 5"), ((0, -1, 0), "items -1 to -1"), ((0, 0, 3), "events 3 to 3")],
)
def test_edges_of_nodes_that_are_not_there_are_refused(edge: tuple[int, int, int], says: str) -> None:
    with pytest.raises(UserError, match=says):
        graph_of([edge])


def test_more_edges_than_int32_counts_fall_back_to_int64_and_say_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    edges = [(user, item, 0) for user in range(6) for item in range(7)]
    expected = graph_of(edges).hash
    assert index_type(2**31 - 1) is np.int32
    monkeypatch.setattr(index, "INT32_LIMIT", 20)
    index.say_wide.cache_clear()
    with pytest.warns(RuntimeWarning, match="more than int32 counts: its indices are int64") as said:
        found = graph_of(edges)
    assert len(said) == 1
    assert found.hash == expected
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert graph_of(edges).hash == expected


def test_ids_and_numbers_are_the_same_of_dictionaries(tmp_path: Path) -> None:
    words = ["b", "é", None, "a", "b", "Z", None, "a"] * 3
    table = pa.table({"user_id": words, "item_id": words[::-1], "event": words})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=5)
    coded = load(tmp_path / "t.parquet", ("item_id", "user_id"))
    assert pa.types.is_dictionary(coded["user_id"].type)
    known = ids(table["user_id"])
    assert ids(coded["user_id"]).equals(known)
    for some in (known, known.slice(1, 2)):
        assert numbers(coded["item_id"], some).tolist() == numbers(table["item_id"], some).tolist()
    assert numbers(coded["item_id"].slice(0, 0), known).tolist() == []


def test_later_counts_the_newer_edges_of_a_user_and_takes_equal_times_for_one_moment() -> None:
    users, times = np.array([0, 0, 0, 0, 2, 2]), np.array([7, 5, 7, -1, 3, 9])
    graph = from_edges(users, np.array([0, 1, 2, 3, 1, 0]), 3, 4, timestamp=times)
    assert graph.later.tolist() == [0, 2, 0, 3, 0, 1]
    assert from_edges(users, np.array([0, 1, 2, 3, 1, 0]), 3, 4).later.tolist() == [0] * 6
