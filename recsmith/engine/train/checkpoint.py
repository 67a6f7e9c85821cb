"""Where an interrupted fit goes on: its whole state in one file, which is whole or absent.

The file is what ``torch.save`` writes, followed by the MD5 of it; it is read with ``weights_only``: it can run no code.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import time
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recsmith.engine.network.warm import Start
from recsmith.engine.settings import FitSettings, Say
from recsmith.files import digest, file_hash, replacing
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Gnn

FILE = "checkpoint.pt"
MARK = hashlib.md5(usedforsecurity=False).digest_size
WITHOUT_EFFECT = ("checkpoints", "checkpoint_seconds", "spectra", "memory_mb")
"""Settings that do not change what is learnt."""


def key_of(
    architecture: Gnn,
    graph: Graph,
    valid: Relevant | None,
    settings: FitSettings,
    processes: int,
    start: Start | None = None,
) -> str:
    """A name for everything that decides what a fit learns, the version of torch included."""
    values = {name: value for name, value in asdict(settings).items() if name not in WITHOUT_EFFECT}
    pairs = None if valid is None else [_hash(valid.indptr), _hash(valid.indices), _hash(valid.cold)]
    known = [architecture.model_dump(mode="json"), graph.hash, pairs, values, processes, torch.__version__]
    return digest(known if start is None else [*known, start.hash])


def _hash(array: np.ndarray) -> str:
    return hashlib.md5(np.ascontiguousarray(array).tobytes(), usedforsecurity=False).hexdigest()


class Checkpoints:
    """The checkpoint of one fit, in a folder of ``folder`` that is named by ``key``; None: nothing is kept."""

    def __init__(self, folder: str | None, key: str, seconds: float, say: Say) -> None:
        self.path = None if folder is None else Path(folder) / key / FILE
        self.key, self.seconds, self.say = key, seconds, say
        self.written = -float("inf")
        self.epoch: int | None = None
        """Of the last checkpoint that was written or read."""

    def read(self) -> dict[str, Any] | None:
        """The state that was last written; None, and a word why, where there is none that can be used."""
        if self.path is None or not self.path.exists():
            return None
        state = _read(self.path)
        if state is None or state.get("key") != self.key:
            why = "is damaged" if state is None else "belongs to another fit"
            self.say(f"{self.path} {why} and is not used: training starts over.")
            return None
        self.epoch = state["epoch"]
        return state

    def write(self, epoch: int, state: dict[str, Any], *, last: bool = False) -> None:
        """Keep ``state`` of the end of ``epoch``, unless the one before is younger than ``seconds`` and more come."""
        if self.path is None or (not last and time.monotonic() - self.written < self.seconds):
            return
        with replacing(self.path) as aside:
            torch.save({**state, "key": self.key, "epoch": epoch}, aside)
            mark = bytes.fromhex(file_hash(aside, "md5"))
            with aside.open("ab") as handle:
                handle.write(mark)
        self.written, self.epoch = time.monotonic(), epoch

    def describe(self) -> str:
        """For the message of a fit that cannot go on."""
        if self.epoch is None:
            return "There is no checkpoint."
        return f"The last good checkpoint is that of epoch {self.epoch}: {self.path}."


def _read(path: Path) -> dict[str, Any] | None:
    """What the file holds; None where it is not as it was written."""
    content = path.read_bytes()
    body, mark = content[:-MARK], content[-MARK:]
    if hashlib.md5(body, usedforsecurity=False).digest() != mark:
        return None
    try:
        state = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, zipfile.BadZipFile):
        return None
    return state if isinstance(state, dict) else None
