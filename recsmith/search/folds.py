"""Repeated hold-out: other splits of the pairs that train and valid know; what was sealed stays sealed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recsmith.files import replacing
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.hashes import arrays_hash
from recsmith.search.task import Task

HELD = 0.1
"""Share of the known pairs that each draw holds out."""


def fold_tasks(task: Task, number: int) -> list[Task]:
    """The task over each of ``number`` draws; their records lie beside the others, their graphs below its folder."""
    graph, valid = Graph.load(task.graph), Relevant.load(task.valid)
    found = []
    for place in range(number):
        learnt, held = drawn_fold(graph, valid, task.budget.seed, place)
        folder = Path(task.folder) / "folds" / str(place)
        for name, part in (("fit", learnt), ("valid", held)):
            with replacing(folder / name) as aside:
                part.save(aside)
        hashes = {"graph": learnt.hash, "valid": arrays_hash(held.indptr, held.indices, held.cold)}
        folders = {"graph": str(folder / "fit"), "valid": str(folder / "valid")}
        found.append(task.model_copy(update={**folders, "budget": task.budget.model_copy(update=hashes)}))
    return found


def drawn_fold(graph: Graph, valid: Relevant, seed: int, number: int) -> tuple[Graph, Relevant]:
    """The graph without a drawn tenth of all pairs of ``graph`` and ``valid``, and that tenth.

    Everyone keeps at least one item. All edges of a pair go together; pairs of valid come in with weight 1, as the
    first kind of event and after everything else that their user did. Pairs that the catalogue does not know are left
    out.
    """
    edges = _edges(graph, valid)
    keys = edges["users"] * graph.n_items + edges["items"]
    pairs, which = np.unique(keys, return_inverse=True)
    held = _held(pairs // graph.n_items, np.random.default_rng([seed, number]))
    kept = {name: column[~held[which]] for name, column in edges.items()}
    learnt = from_edges(**kept, n_users=graph.n_users, n_items=graph.n_items, events=graph.events)
    out = pairs[held]
    return learnt, from_pairs(out // graph.n_items, out % graph.n_items, graph.n_users, graph.n_items)


def _held(owner: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Which pairs are held out: a tenth of all, less the first pair of whoever would lose all.

    Shapes: owner (P,) int, the user of each pair, ascending -> (P,) bool.
    """
    held = np.zeros(len(owner), bool)
    held[generator.choice(len(owner), round(HELD * len(owner)), replace=False)] = True
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    sizes = np.diff(np.append(starts, len(owner)))
    held[starts[np.add.reduceat(held.astype(np.int64), starts) == sizes]] = False
    return held


def _edges(graph: Graph, valid: Relevant) -> dict[str, np.ndarray]:
    """The edges of the graph and, behind them, those of valid; shapes: (E + P,) each."""
    users = np.repeat(np.arange(graph.n_users), np.diff(graph.indptr))
    later = np.repeat(np.arange(graph.n_users), np.diff(valid.indptr))
    latest = np.full(graph.n_users, -1, np.int64)
    np.maximum.at(latest, users, np.asarray(graph.timestamp))
    new = ~np.isin(later * graph.n_items + valid.indices, users * graph.n_items + graph.indices)
    times = np.where(latest >= 0, latest + 1, -1)[later]
    added = {
        "users": later,
        "items": np.asarray(valid.indices, np.int64),
        "weight": np.ones(len(later), np.float32),
        "event": np.zeros(len(later), np.uint8),
        "timestamp": times,
    }
    known = {"users": users, "items": np.asarray(graph.indices, np.int64)}
    known |= {name: np.asarray(getattr(graph, name)) for name in ("weight", "event", "timestamp")}
    return {name: np.concatenate([known[name], column[new]]) for name, column in added.items()}
