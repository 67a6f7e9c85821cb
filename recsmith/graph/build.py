"""From split tables to graphs: id maps, weights, the graph to fit on and the one to refit on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recsmith.config.graph import Graph as Params
from recsmith.errors import UserError
from recsmith.files import replacing, write_json
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.maps import describe, ids, knowledge, load, numbers, social, users_of
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
class Built:
    """The graphs and what valid expects, over the same ids."""

    nodes: Nodes
    fit: Graph
    refit: Graph
    valid: Relevant


def build_files(split: Path | str, ingest: Path | str, out: Path | str, params: Params) -> dict[str, Any]:
    """Build from ``split`` (train, valid, people) and ``ingest`` (side tables) into ``out``; returns the stats."""
    split, ingest, out = Path(split), Path(ingest), Path(out)
    tables = {name: load(ingest / f"{name}.parquet") for name in ("users", "items", "social", "knowledge")}
    people, train, valid = (load(split / f"{name}.parquet") for name in ("people", "train", "valid"))
    built = build(train, valid, people, tables["items"], params)
    side = {
        "users": describe(built.nodes.users, tables["users"], USER),
        "items": describe(built.nodes.items, tables["items"], ITEM),
        "social": social(tables["social"], built.nodes.users),
        "knowledge": knowledge(tables["knowledge"], built.nodes.items),
    }
    for name, table in side.items():
        write_arrow(table, out / f"{name}.parquet")
    for name, part in (("fit", built.fit), ("refit", built.refit), ("valid", built.valid)):
        with replacing(out / name) as aside:
            part.save(aside)
    found = stats(built.fit, built.refit, built.valid) | {"side": _side_stats(tables, side)}
    write_json(out / "stats.json", found)
    return found


def build(train: pa.Table, valid: pa.Table, people: pa.Table, items: pa.Table, params: Params) -> Built:
    """Graphs over everyone in ``people`` and every item of train, valid and the ``items`` table.

    Raises UserError where train is empty, a user is not among the people, an edge is doubled, or weights are no use.
    """
    if not train.num_rows:
        raise UserError("The graph would be empty: data/split/train.parquet holds no interactions.")
    both = pa.concat_tables([train, valid])
    nodes = Nodes(users_of(people), ids(both[ITEM], items[ITEM]), _events(both))
    users, catalogue = numbers(valid[USER], nodes.users), numbers(valid[ITEM], nodes.items)
    relevant = from_pairs(users, catalogue, len(nodes.users), len(nodes.items))
    return Built(nodes, graph(train, nodes, params), graph(both, nodes, params), relevant)


def graph(rows: pa.Table, nodes: Nodes, params: Params) -> Graph:
    """The graph of interactions ``rows`` over ``nodes``."""
    users, items = numbers(rows[USER], nodes.users), numbers(rows[ITEM], nodes.items)
    event = numbers(rows[EVENT], pa.array(nodes.events, pa.string()))
    strangers = int((users < 0).sum())
    if strangers:
        raise UserError(
            f"{strangers:,} interactions are of users that data/split/people.parquet lacks; run split again."
        )
    weight = rows[WEIGHT].cast(pa.float64()).to_numpy()
    built = from_edges(
        users,
        items,
        len(nodes.users),
        len(nodes.items),
        weight=edge_weights(weight, event, nodes.events, params),
        event=event.astype(np.uint8),
        timestamp=rows[TIMESTAMP].fill_null(-1).to_numpy(),
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
    users = np.repeat(np.arange(graph.n_users), np.diff(graph.indptr))
    same = (users[1:] == users[:-1]) & (graph.indices[1:] == graph.indices[:-1]) & (graph.event[1:] == graph.event[:-1])
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
