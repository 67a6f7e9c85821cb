"""What every peer's script shares: the task, a clock, the result. Needs numpy alone, so that it runs everywhere.

A script is called with a folder that holds ``task.json``, ``train.npy`` (E, 2) and ``test.npy`` (P, 2), pairs of user
and item, and leaves ``result.json`` and ``lists.npy`` (n, k) there: the best unseen items of users with a test item.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Task:
    """Shapes: train (E, 2), test (P, 2) int64, users (n,): those with a test item, in ascending order."""

    folder: Path
    variant: str
    n_users: int
    n_items: int
    seconds: float
    threads: int
    batch_size: int
    layers: int
    dimension: int
    k: int
    seed: int
    train: np.ndarray = field(init=False)
    test: np.ndarray = field(init=False)
    users: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.train, self.test = np.load(self.folder / "train.npy"), np.load(self.folder / "test.npy")
        self.users = np.unique(self.test[:, 0])

    def finish(self, lists: np.ndarray, **found: Any) -> None:
        """Leave the lists and what was measured: ``epoch_s``, ``rank_s``, ``epochs``, ``state``."""
        np.save(self.folder / "lists.npy", np.asarray(lists, np.int32))
        (self.folder / "result.json").write_text(json.dumps({**found, "peak_mb": peak_mb()}), encoding="utf-8")


def task() -> Task:
    """The task in the folder that the script was called with."""
    folder = Path(sys.argv[1])
    return Task(folder, **json.loads((folder / "task.json").read_text(encoding="utf-8")))


class Clock:
    """Wall-clock time of training: batches are handed out until the seconds are spent, but at least one."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.steps, self.spent = seconds, 0, 0.0

    @property
    def over(self) -> bool:
        return self.steps > 0 and self.spent >= self.seconds

    def batches(self, source: Iterable[Any]) -> Iterator[Any]:
        """``source`` until the time is over; drawing a batch and working on it both count."""
        start, before = time.perf_counter(), self.spent
        for batch in source:
            if self.over:
                return
            yield batch
            self.steps += 1
            self.spent = before + time.perf_counter() - start

    def epoch_s(self, steps: int) -> float:
        """Seconds of an epoch of so many steps."""
        return self.spent / max(self.steps, 1) * steps


def say(text: str) -> None:
    """One line of progress."""
    print(text, flush=True)


def peak_mb() -> float:
    """Peak resident megabytes of this process (of this program alone where the system tells)."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 2**10
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
