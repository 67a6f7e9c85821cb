"""What a trial needs to know, in one file that the driver writes and every trial reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from recsmith.config.base import Section, parse
from recsmith.config.search import Space
from recsmith.files import digest, read_json, write_json
from recsmith.model.architecture import Filter, Gnn
from recsmith.model.record import record_key

RUNS = "runs"
TASK = "task.json"


class Budget(Section):
    """What decides the result of fitting one candidate, beside the candidate."""

    graph: str
    """Hash of the graph that is learnt from."""
    valid: str
    """Hash of the pairs that are ranked."""
    metric: str
    cutoffs: tuple[int, ...]
    seed: int
    device: str
    threads: int
    max_epochs: int
    patience: int
    evaluate_every: int
    batch_size: int


class Task(Section):
    """One search: where its data lies, what may be proposed, and how candidates are fitted."""

    graph: str
    """Folder of the graph; absolute."""
    valid: str
    """Folder of the pairs to be ranked; absolute."""
    folder: str
    """Folder of the records of this budget; absolute."""
    space: Space
    tuner: str
    trials: int
    concurrency: int
    port: int
    budget: Budget
    memory_mb: int
    trial_seconds: float

    def key(self, candidate: Gnn | Filter) -> str:
        """Name of the record of ``candidate`` fitted within the budget."""
        values = self.budget.model_dump(mode="json")
        values["cutoffs"] = " ".join(map(str, self.budget.cutoffs))
        return record_key("trial", candidate, {}, values)

    def save(self, folder: Path) -> Path:
        """Write the task into ``folder``; gives the file."""
        write_json(folder / TASK, self.model_dump(mode="json"))
        return folder / TASK

    @classmethod
    def load(cls, path: Path | str) -> Task:
        """Read what :meth:`save` wrote."""
        return parse(read_json(path), cls, str(path))


def folder_of(work: Path, budget: Budget) -> Path:
    """Where the records of ``budget`` are kept under ``work``; other numbers of trials and other spaces share it."""
    return work.resolve() / digest(budget.model_dump(mode="json"))


def pairs_hash(*arrays: np.ndarray) -> str:
    """A name for the content of arrays."""
    return digest([[str(array.dtype), list(array.shape), _md5(array)] for array in arrays])


def _md5(array: np.ndarray) -> str:
    import hashlib

    return hashlib.md5(np.ascontiguousarray(array).tobytes(), usedforsecurity=False).hexdigest()


def fit_values(task: Task) -> dict[str, Any]:
    """Keyword arguments of ``recsmith.engine.fit.FitSettings`` for the trials of ``task``."""
    budget = task.budget
    return {
        "seed": budget.seed,
        "device": budget.device,
        "threads": budget.threads,
        "memory_mb": task.memory_mb,
        "max_epochs": budget.max_epochs,
        "patience": budget.patience,
        "evaluate_every": budget.evaluate_every,
        "batch_size": budget.batch_size,
        "metric": budget.metric,
    }
