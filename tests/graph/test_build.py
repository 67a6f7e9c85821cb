from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from interaction_rows import interactions

from recsmith.config.graph import Graph as Params
from recsmith.errors import UserError
from recsmith.graph.build import Built, build, build_files
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.maps import describe, ids, knowledge, numbers, social
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.graph.stats import stats
from recsmith.tables.connect import write_arrow

TRAIN = [
    ("bo", "x", 5, 4.0, "buy"),
    ("al", "y", 2, 1.0, "view"),
    ("al", "x", 1, 2.0, "view"),
    ("al", "x", 3, 2.0, "buy"),
]
VALID = [("al", "z", 9, 1.0, "buy")]
PEOPLE = pa.table({"user_id": ["al", "bo", "quiet"]})
ITEMS = pa.table({"item_id": ["shelf", "x", "x"], "title": ["Shelf", "The X", "Other"], "genre": ["g", None, "h"]})


def built(train: list[tuple] = TRAIN, valid: list[tuple] = VALID, **params: Any) -> Built:
    return build(interactions(train), interactions(valid), PEOPLE, ITEMS, Params(**params))


def test_the_maps_hold_everyone_ingest_saw_and_the_catalogue_known_at_the_cut() -> None:
    nodes = built().nodes
    assert nodes.users.to_pylist() == ["al", "bo", "quiet"]
    assert nodes.items.to_pylist() == ["shelf", "x", "y", "z"]
    assert nodes.events == ("buy", "view")


def test_edges_keep_event_and_time_and_refit_adds_valid() -> None:
    found = built()
    assert found.fit.indptr.tolist() == [0, 3, 4, 4]
    assert found.fit.indices.tolist() == [1, 1, 2, 1]
    assert found.fit.event.tolist() == [0, 1, 1, 0]
    assert found.fit.timestamp.tolist() == [3, 1, 2, 5]
    assert found.refit.indices.tolist() == [1, 1, 2, 3, 1]
    assert found.valid.indices.tolist() == [3]
    assert found.valid.cold.sum() == 0


def test_both_directions_hold_the_same_edges() -> None:
    graph = built().refit
    users = np.repeat(np.arange(graph.n_users), np.diff(graph.indptr))
    items = np.repeat(np.arange(graph.n_items), np.diff(graph.item_indptr))
    assert (users[graph.item_edge] == graph.item_indices).all()
    assert (graph.indices[graph.item_edge] == items).all()


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("binary", [1, 1, 1, 1]),
        ("raw", [2, 2, 1, 4]),
        ("max", [0.5, 0.5, 0.25, 1]),
        ("log", np.log1p([2, 2, 1, 4]).tolist()),
    ],
)
def test_weights_follow_the_parameters(how: str, expected: list[float]) -> None:
    assert built(weight=how).fit.weight == pytest.approx(expected)


def test_an_event_has_a_factor_and_unnamed_ones_count_once() -> None:
    assert built(event_weights={"view": 0.25}).fit.weight.tolist() == [1, 0.25, 0.25, 1]
    with pytest.raises(UserError, match=r"event_weights = 'cart' is unknown\. Known: buy, view"):
        built(event_weights={"cart": 2.0})


@pytest.mark.parametrize(
    ("weight", "says"), [(None, "1 without a number"), (float("inf"), "1 infinite"), (-1.0, "1 negative")]
)
def test_weights_that_cannot_be_used_are_an_error_only_where_they_are_used(weight: float | None, says: str) -> None:
    rows = [("al", "x", 1, weight, "view"), ("bo", "x", 1, 1.0, "view")]
    assert built(rows).fit.weight.tolist() == [1, 1]
    with pytest.raises(UserError, match=f"graph.weight = 'log' .* there are {says}"):
        built(rows, weight="log")


@pytest.mark.parametrize(
    ("train", "says"),
    [
        ([], "would be empty"),
        ([*TRAIN, TRAIN[0]], "1 edges are doubled"),
        ([("stranger", "x", 1, 1.0, "view")], "1 interactions are of users that .* lacks"),
        ([("al", "x", 1, 1.0, f"e{n}") for n in range(300)], "301 kinds of events; at most 256"),
    ],
)
def test_a_graph_that_cannot_be_built_says_why(train: list, says: str) -> None:
    with pytest.raises(UserError, match=says):
        built(train)


def test_no_users_is_an_error() -> None:
    with pytest.raises(UserError, match="no users"):
        build(interactions(TRAIN), interactions(VALID), PEOPLE.slice(0, 0), ITEMS, Params())


def test_isolated_nodes_degrees_and_events_are_counted() -> None:
    found = built()
    numbers = stats(found.fit, found.refit, found.valid)
    assert numbers["fit"]["isolated_users"] == 1
    assert numbers["fit"]["isolated_items"] == 2
    assert (numbers["fit"]["edges"], numbers["fit"]["pairs"]) == (4, 3)
    assert numbers["fit"]["density"] == 3 / 12
    assert numbers["fit"]["events"] == {"buy": 2, "view": 2}
    assert numbers["refit"]["user_degree"]["q100"] == 3
    assert numbers["valid"] == {"users": 1, "pairs": 1}


def test_features_lie_in_index_order_and_the_first_of_doubled_ids_counts() -> None:
    rows = describe(built().nodes.items, ITEMS, "item_id").to_pylist()
    assert rows[0] == {"item_id": "shelf", "title": "Shelf", "genre": "g"}
    assert rows[1] == {"item_id": "x", "title": "The X", "genre": None}
    assert rows[2] == {"item_id": "y", "title": None, "genre": None}
    bare = describe(pa.array(["y"]), pa.table({"item_id": pa.array([], pa.string())}), "item_id")
    assert bare.to_pylist() == [{"item_id": "y", "title": None}]


def test_ids_are_ordered_by_their_bytes_and_unknown_ones_have_no_number() -> None:
    known = ids(pa.chunked_array([["b", "a", None, "é", "Z", "b"]]))
    assert known.to_pylist() == ["Z", "a", "b", "é"]
    assert numbers(pa.chunked_array([["b", "c", None]]), known).tolist() == [2, -1, -1]


def test_friendships_of_strangers_are_dropped_and_doubled_ones_count_once() -> None:
    rows = {
        "user_id": ["bo", "al", "al", "al"],
        "friend_id": ["al", "bo", "bo", "who"],
        "weight": [2.0, None, 3.0, 1.0],
    }
    found = social(pa.table(rows), PEOPLE["user_id"].combine_chunks())
    assert found.to_pylist() == [{"user": 0, "friend": 1, "weight": 1.0}, {"user": 1, "friend": 0, "weight": 2.0}]


def test_triples_know_which_ends_are_items() -> None:
    rows = {"head": ["y", "x", "x", None], "relation": ["r"] * 4, "tail": ["g", "y", "y", "g"]}
    found = knowledge(pa.table(rows), pa.array(["x", "y"])).to_pylist()
    assert [(row["head"], row["head_item"], row["tail_item"]) for row in found] == [("x", 0, 1), ("y", 1, None)]


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Path], dict[str, Any]]:
    split, ingest = tmp_path / "split", tmp_path / "ingest"
    for name, rows in (("train", TRAIN), ("valid", VALID)):
        write_arrow(interactions(rows), split / f"{name}.parquet")
    write_arrow(PEOPLE, split / "people.parquet")
    write_arrow(ITEMS, ingest / "items.parquet")
    write_arrow(pa.table({"user_id": ["al"], "city": ["Rome"]}), ingest / "users.parquet")
    empty = pa.array([], pa.string())
    write_arrow(pa.table({"user_id": empty, "friend_id": empty, "weight": empty}), ingest / "social.parquet")
    write_arrow(pa.table({"head": empty, "relation": empty, "tail": empty}), ingest / "knowledge.parquet")
    return lambda out: build_files(split, ingest, out, Params())


def test_files_are_read_back_as_they_were_and_are_the_same_bytes_twice(written: Any, tmp_path: Path) -> None:
    assert written(tmp_path / "a") == written(tmp_path / "b")
    contents = [
        {str(path.relative_to(tmp_path / name)): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in "ab"
    ]
    assert contents[0] == contents[1]
    assert Graph.load(tmp_path / "a" / "fit").hash == built().fit.hash
    assert Graph.load(tmp_path / "a" / "refit").hash == built().refit.hash
    assert Relevant.load(tmp_path / "a" / "valid").indices.tolist() == [3]
    assert pq.read_table(tmp_path / "a" / "users.parquet").to_pylist()[0] == {"user_id": "al", "city": "Rome"}


def test_the_graph_never_opens_test(written: Any, tmp_path: Path) -> None:
    (tmp_path / "split" / "test.parquet").write_bytes(b"sealed, and no Parquet")
    assert written(tmp_path / "out")["users"] > 0


def test_a_missing_file_is_named(written: Any, tmp_path: Path) -> None:
    (tmp_path / "split" / "valid.parquet").unlink()
    with pytest.raises(UserError, match=r"valid\.parquet cannot be read"):
        written(tmp_path / "out")


def test_a_graph_without_finite_weights_cannot_exist() -> None:
    with pytest.raises(UserError, match="finite"):
        from_edges(np.array([0]), np.array([0]), 1, 1, weight=np.array([np.nan]))


def test_a_graph_without_edges_keeps_its_nodes() -> None:
    none = np.array([], np.int64)
    graph = from_edges(none, none, 2, 3)
    assert (graph.n_users, graph.n_items, graph.n_edges, graph.binary.nnz) == (2, 3, 0, 0)


def test_relevant_pairs_are_sorted_once_each_and_cold_ones_are_counted() -> None:
    users, items = np.array([1, 1, 1, 0, 1, 1, 1]), np.array([2, 0, 2, 1, 3, -1, 3])
    found = from_pairs(users, items, 3, 3)
    assert found.indptr.tolist() == [0, 1, 3, 3]
    assert found.indices.tolist() == [1, 0, 2]
    assert found.cold.tolist() == [0, 2, 0]
    assert found.users.tolist() == [0, 1]
    empty = from_pairs(users[:0], items[:0], 3, 3)
    assert (empty.indptr.tolist(), len(empty.indices)) == ([0, 0, 0, 0], 0)
