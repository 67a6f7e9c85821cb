"""Where the models of the stage train may start from: what the incumbent's learnt, by today's ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from recsmith.engine.network.warm import Start, placed
from recsmith.engine.store import load_learnt
from recsmith.model.architecture import Architecture, Blend, Filter, Gnn
from recsmith.retrain.incumbent import read_incumbent
from recsmith.tables.columns import ITEM, USER

MODELS = ("candidate", "final")
"""Both models of the stage train, each the start of its own successor: the one judged on valid has not seen valid."""


def starts(folder: Path, winner: Architecture, users: Path, items: Path) -> dict[str, Start] | str:
    """Where the candidate and the final model of ``winner`` may start, or in words why they start cold.

    ``users`` and ``items`` are the graph's tables (Parquet), in the order of its numbering.
    """
    if read_incumbent(folder).version == 0:
        return "there is no incumbent"
    if isinstance(winner, Filter):
        return "a filter has a closed form"
    if isinstance(winner, Blend):
        return "a blend is trained for the epochs that it names"
    nodes = _nodes(folder, users, items)
    found = {}
    for name in MODELS:
        architecture, learnt = load_learnt(folder / name)
        if not isinstance(architecture, Gnn) or architecture != winner or learnt is None:
            return "the incumbent is of another architecture"
        found[name] = Start(architecture, learnt, nodes)
    return found


def _nodes(folder: Path, users: Path, items: Path) -> np.ndarray:
    """The incumbent's row of each node of the graph, -1 where it did not know it. Shapes: -> (U + I,) int64."""
    known_users, known_items = _ids(folder / "users.parquet", USER), _ids(folder / "items.parquet", ITEM)
    people, things = placed(_ids(users, USER), known_users), placed(_ids(items, ITEM), known_items)
    return np.concatenate((people, np.where(things >= 0, things + len(known_users), -1)))


def _ids(path: Path, column: str) -> np.ndarray:
    return np.asarray(pq.read_table(path, columns=[column])[column].to_pylist(), dtype=str)
