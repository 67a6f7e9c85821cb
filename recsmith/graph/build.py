"""From split tables to graphs: id maps, weights, the graph to fit on and the one to refit on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recsmith.config.graph import Graph as Params
from recsmith.errors import UserError
from recsmith.files import replacing, write_json
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.maps import TEXT, describe, ids, knowledge, load, numbers, social, users_of
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.graph.stats import stats
from recsmith.graph.weights import edge_weights
from recsmith.tables.columns import EVENT, ITEM, TIMESTAMP, USER, WEIGHT
from recsmith.tables.connect import write_arrow

MAX_EVENTS = 256
"""Event codes are uint8."""


@dataclass(frozen=True)
class Nodes:
    """Who and what there is; position = index. Shapes: users (U,), items (I,) strings, events up to 256."""

    users: pa.Array
    items: pa.Array
    events: tuple[str, ...]


@dataclass(frozen=True)
class Edges:
    """Interactions in numbers, in the order of the tables, train before valid.

    Shapes: users, items (E,) int32; event (E,) uint8; weight (E,) float64 as it came; timestamp (E,) int64.
    """

    users: np.ndarray
    items: np.ndarray
    event: np.ndarray
    weight: np.ndarray
    timestamp: np.ndarray

    def __getitem__(self, part: slice) -> Edges:
        return Edges(*(getattr(self, field.name)[part] for field in fields(self)))


@dataclass(frozen=True)
class Built:
    """The graphs and what valid expects, over the same ids."""

    nodes: Nodes
    fit: Graph
    refit: Graph
    valid: Relevant


def build_files(split: Path | str, ingest: Path | str, out: Path | str, params: Params) -> dict[str, Any]:
    """Build from ``split`` (train, valid, people) and ``ingest`` (side tables) into ``out``; returns the stats.

    One graph is in memory at a time, beside the numbers of its edges; what is counted is read back, memory-mapped.
    """
    split, ingest, out = Path(split), Path(ingest), Path(out)
    tables = {name: load(ingest / f"{name}.parquet") for name in ("users", "items", "social", "knowledge")}
    nodes, edges, n_train = _read(split, tables["items"])
    side = {
        "users": describe(nodes.users, tables["users"], USER),
        "items": describe(nodes.items, tables["items"], ITEM),
        "social": social(tables["social"], nodes.users),
        "knowledge": knowledge(tables["knowledge"], nodes.items),
    }
    for name, table in side.items():
        write_arrow(table, out / f"{name}.parquet")
    _save(expected(edges[n_train:], nodes), out / "valid")
    for name, part in (("fit", edges[:n_train]), ("refit", edges)):
        _save(graph(part, nodes, params), out / name)
    del edges, part
    found = stats(Graph.load(out / "fit"), Graph.load(out / "refit"), Relevant.load(out / "valid"))
    found["side"] = _side_stats(tables, side)
    write_json(out / "stats.json", found)
    return found


def _read(split: Path, items: pa.Table) -> tuple[Nodes, Edges, int]:
    """Nodes, the edges of train and valid, and how many of them are train's."""
    people = load(split / "people.parquet")
    train, valid = (load(split / f"{name}.parquet", (*TEXT, TIMESTAMP, WEIGHT)) for name in ("train", "valid"))
    nodes, edges = numbered(train, valid, people, items)
    n_train = train.num_rows
    del people, train, valid
    # What Arrow has freed it keeps for itself otherwise.
    pa.default_memory_pool().release_unused()
    return nodes, edges, n_train


def _save(part: Graph | Relevant, folder: Path) -> None:
    with replacing(folder) as aside:
        part.save(aside)


def build(train: pa.Table, valid: pa.Table, people: pa.Table, items: pa.Table, params: Params) -> Built:
    """Graphs over everyone in ``people`` and every item of train, valid and the ``items`` table.

    Raises UserError where train is empty, a user is not among the people, an edge is doubled, or weights are no use.
    """
    nodes, edges = numbered(train, valid, people, items)
    n = train.num_rows
    return Built(nodes, graph(edges[:n], nodes, params), graph(edges, nodes, params), expected(edges[n:], nodes))


def numbered(train: pa.Table, valid: pa.Table, people: pa.Table, items: pa.Table) -> tuple[Nodes, Edges]:
    """Who and what there is, and the interactions of train and valid by its numbers."""
    if not train.num_rows:
        raise UserError("The graph would be empty: data/split/train.parquet holds no interactions.")
    rows = pa.concat_tables([train, valid])
    nodes = Nodes(users_of(people), ids(rows[ITEM], items[ITEM]), _events(rows))
    users = numbers(rows[USER], nodes.users)
    strangers = int((users < 0).sum())
    if strangers:
        raise UserError(
            f"{strangers:,} interactions are of users that data/split/people.parquet lacks; run split again."
        )
    event = numbers(rows[EVENT], pa.array(nodes.events, pa.string())).astype(np.uint8)
    weight, timestamp = rows[WEIGHT].cast(pa.float64()).to_numpy(), rows[TIMESTAMP].fill_null(-1).to_numpy()
    return nodes, Edges(users, numbers(rows[ITEM], nodes.items), event, weight, timestamp)


def expected(edges: Edges, nodes: Nodes) -> Relevant:
    """What valid expects of each user."""
    return from_pairs(edges.users, edges.items, len(nodes.users), len(nodes.items))


def graph(edges: Edges, nodes: Nodes, params: Params) -> Graph:
    """The graph of ``edges`` over ``nodes``."""
    built = from_edges(
        edges.users,
        edges.items,
        len(nodes.users),
        len(nodes.items),
        weight=edge_weights(edges.weight, edges.event, nodes.events, params),
        event=edges.event,
        timestamp=edges.timestamp,
        events=nodes.events,
    )
    _check_distinct(built)
    return built


def _events(rows: pa.Table) -> tuple[str, ...]:
    events = tuple(ids(rows[EVENT]).to_pylist())
    if len(events) > MAX_EVENTS:
        raise UserError(
            f"The interactions have {len(events):,} kinds of events; at most {MAX_EVENTS} are allowed. Is the column "
            "that ingest.files[..].columns maps to event really one?"
        )
    return events


def _check_distinct(graph: Graph) -> None:
    same = graph.repeats
    same[1:] &= graph.event[1:] == graph.event[:-1]
    if same.any():
        raise UserError(f"{int(same.sum()):,} edges are doubled (same user, item and event); run split again.")


def _side_stats(tables: dict[str, pa.Table], side: dict[str, pa.Table]) -> dict[str, dict[str, int]]:
    """Rows read and kept (social: once, between known users); features of users and items, and rows of doubled ids."""
    found = {name: {"read": tables[name].num_rows, "kept": side[name].num_rows} for name in ("social", "knowledge")}
    for name, key in (("users", USER), ("items", ITEM)):
        doubled = tables[name].num_rows - tables[name][key].null_count - len(ids(tables[name][key]))
        features = side[name].num_columns - 1
        found[name] = {"read": tables[name].num_rows, "features": features, "doubled": doubled}
    return found
