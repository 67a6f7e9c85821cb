"""Candidates fitted within a budget, networks from what an earlier trial learnt where they have a parent.

Inheritance of weights in a search of architectures: Real et al. 2017, "Large-Scale Evolution of Image Classifiers",
section 3.4. What a trial learnt is made again from its record where it is no longer kept, so that a result depends on
the proposal and on nothing that happens to lie on the disk.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recsmith.engine.fit import FitSettings, Fitted, fit
from recsmith.engine.network.warm import Inherited
from recsmith.engine.store import load_learnt, save_learnt
from recsmith.errors import UserError
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Architecture, Gnn
from recsmith.search.sample import thinned
from recsmith.search.store import Store
from recsmith.search.task import LEARNT, Task, fit_values

LIMIT_BYTES = 4 * 2**30
"""What the weights of a search may take on the disk while it runs."""
Learnt = tuple[Gnn, dict[str, torch.Tensor]]
Look = Callable[[dict[str, Any]], None]


def fitted_of(task: Task, candidate: Architecture, graph: Graph, valid: Relevant, look: Look) -> Fitted:
    """``candidate`` within the budget of ``task``, begun from what ``task.parent`` learnt; ``look`` is told each epoch.

    UserError where there is no record of the parent.
    """
    budget = task.budget.read_by(candidate)
    settings = FitSettings(**fit_values(task), spectra=task.spectra)
    known = thinned(graph, budget.fidelity, budget.seed) if budget.cuts == "edges" else graph
    start = None if task.parent is None else _start(task, task.parent, graph, valid, look)
    return fit(candidate, known, settings, valid, look, start=start)


def _start(task: Task, parent: str, graph: Graph, valid: Relevant, look: Look) -> Inherited:
    architecture, learnt = Weights(Path(task.folder) / LEARNT).load(parent) or _again(task, parent, graph, valid, look)
    return Inherited(architecture, learnt, np.arange(graph.n_users + graph.n_items))


def _again(task: Task, parent: str, graph: Graph, valid: Relevant, look: Look) -> Learnt:
    """What a trial learnt, by fitting it once more as its record says."""
    record = Store(Path(task.folder)).load(parent)
    if record is None or not isinstance(record.architecture, Gnn):
        raise UserError(f"The trial begins from the weights of {parent}, and there is no record of such a network.")
    then = task.at(record.fidelity).model_copy(update={"parent": record.parent})
    fitted = fitted_of(then, record.architecture, graph, valid, look)
    Weights(Path(task.folder) / LEARNT).save(fitted, parent, graph)
    return record.architecture, fitted.learnt or {}


@dataclass(frozen=True)
class Weights:
    """What finished networks learnt, under ``folder`` by the key of their record; least recently used, first gone."""

    folder: Path
    limit: int = LIMIT_BYTES

    def save(self, fitted: Fitted, key: str, graph: Graph) -> None:
        """Keep what ``fitted`` learnt; what has not been used longest makes room for it."""
        save_learnt(fitted, self.folder / key, graph)
        taken = 0
        for path in sorted(self._kept(), key=_used, reverse=True):
            with suppress(FileNotFoundError):  # another trial makes room too
                taken += sum(file.stat().st_size for file in path.iterdir())
            if taken > self.limit and path.name != key:
                shutil.rmtree(path, ignore_errors=True)

    def load(self, key: str) -> Learnt | None:
        """The network of that key and what it learnt; None where it is not kept, or not whole."""
        try:
            architecture, learnt = load_learnt(self.folder / key)
            os.utime(self.folder / key)
        except (UserError, FileNotFoundError):
            return None
        return (architecture, learnt) if isinstance(architecture, Gnn) and learnt is not None else None

    def _kept(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if not path.name.startswith(".")]


def _used(path: Path) -> float:
    """When it was last used; 0 where another trial has just removed it."""
    return path.stat().st_mtime if path.exists() else 0.0
