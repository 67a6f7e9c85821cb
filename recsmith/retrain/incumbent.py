"""The incumbent: the champion as it entered the line with the last batch. What training starts from, and its rival."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from recsmith.config.base import Section, parse
from recsmith.engine.network.warm import Start, placed
from recsmith.engine.store import load_learnt
from recsmith.errors import UserError
from recsmith.files import read_json, replacing, write_json
from recsmith.model.architecture import Filter, Gnn
from recsmith.tables.columns import ITEM, USER

NAME = "incumbent.json"
BUNDLE = "bundle"
MODELS = ("candidate", "final")
"""Both models of the stage train, each the start of its own successor: the one judged on valid has not seen valid."""


class Incumbent(Section):
    """What ``incumbent.json`` holds; version 0: there is none."""

    version: int = 0
    digest: str | None = None
    """Of its bundle."""
    events: str | None = None
    """Of the event log that it entered for."""


def read_incumbent(folder: Path) -> Incumbent:
    """The incumbent in ``folder``; version 0 where there is none."""
    path = folder / NAME
    return parse(read_json(path), Incumbent, str(path)) if path.exists() else Incumbent()


def ensure(folder: Path) -> None:
    """Make ``folder`` say that there is no incumbent, where it is not there at all and is not versioned."""
    if (folder / NAME).exists():
        return
    versioned = folder.with_name(folder.name + ".dvc")
    if versioned.exists():
        raise UserError(
            f"{folder} is missing, and {versioned} says what it holds: bring it with `dvc pull {versioned}`."
        )
    write_json(folder / NAME, Incumbent().model_dump(mode="json"))


def enter(folder: Path, version: Path | None, incumbent: Incumbent) -> None:
    """Let the files of a champion's ``version`` (None: there is none) be the incumbent, at once or not at all."""
    with replacing(folder) as aside:
        if version is None:
            aside.mkdir()
        else:
            shutil.copytree(version, aside)
        write_json(aside / NAME, incumbent.model_dump(mode="json"))


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
