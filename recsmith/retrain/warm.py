"""Where the models of the stage train may start from: what the incumbent's learnt, by today's ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from recsmith.engine.network.warm import Start, placed
from recsmith.engine.store import load_learnt
from recsmith.model.architecture import Filter, Gnn
from recsmith.retrain.incumbent import read_incumbent
from recsmith.tables.columns import ITEM, USER

MODELS = ("candidate", "final")
"""Both models of the stage train, each the start of its own successor: the one judged on valid has not seen valid."""


def starts(folder: Path, winner: Gnn | Filter, users: np.ndarray, items: np.ndarray) -> dict[str, Start] | str:
    """Where the candidate and the final model of ``winner`` may start, or in words why they start cold.

    Shapes: users (U,), items (I,) ids in the numbering of the graph.
    """
    if read_incumbent(folder).version == 0:
        return "there is no incumbent"
    if isinstance(winner, Filter):
        return "a filter has a closed form"
    nodes = _nodes(folder, users, items)
    found = {}
    for name in MODELS:
        architecture, learnt = load_learnt(folder / name)
        if not isinstance(architecture, Gnn) or architecture != winner or learnt is None:
            return "the incumbent is of another architecture"
        found[name] = Start(architecture, learnt, nodes)
    return found


def _nodes(folder: Path, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """The incumbent's row of each node of the graph, -1 where it did not know it. Shapes: -> (U + I,) int64."""
    earlier = [_ids(folder / "users.parquet", USER), _ids(folder / "items.parquet", ITEM)]
    places = [placed(users, earlier[0]), placed(items, earlier[1])]
    places[1][places[1] >= 0] += len(earlier[0])
    return np.concatenate(places)


def _ids(path: Path, column: str) -> np.ndarray:
    return np.asarray(pq.read_table(path, columns=[column])[column].to_pylist(), dtype=str)
