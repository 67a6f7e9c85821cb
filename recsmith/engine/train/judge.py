"""Which epoch is kept: the first of those with the highest metric on valid."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from recsmith.engine.network.warm import learnt
from recsmith.engine.rank.evaluate import evaluate
from recsmith.engine.settings import FitSettings
from recsmith.engine.train.team import Team
from recsmith.engine.vectors import Vectors, vectors
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant


class Judge:
    """Evaluates epochs and keeps the best, on the CPU."""

    def __init__(self, graph: Graph, valid: Relevant, settings: FitSettings, team: Team) -> None:
        self.graph, self.valid, self.settings, self.team = graph, valid, settings, team
        self.epoch, self.value = 0, -math.inf
        self.since = 0
        """Evaluations since the best one."""
        self.model: Vectors | None = None
        self.learnt: dict[str, torch.Tensor] | None = None

    @property
    def gives_up(self) -> bool:
        """Whether patience is spent."""
        return self.since >= self.settings.patience

    def judge(self, epoch: int, model: Vectors, network: nn.Module) -> float:
        """The metric of ``model``, kept with what ``network`` has learnt where it is the best so far.

        The first process measures for all.
        """
        value = self.team.agreed(self._measured(model) if self.team.rank == 0 else 0.0)
        self.since += 1
        if value > self.value:
            self.epoch, self.value, self.since = epoch, value, 0
            self.model = vectors(model.user_vectors.cpu(), model.item_vectors.cpu(), self.graph)
            self.learnt = learnt(network)
        return value

    def _measured(self, model: Vectors) -> float:
        metric = self.settings.metric
        cutoff = int(metric.partition("@")[2])
        return evaluate(model, self.graph, self.valid, [cutoff], self.settings.memory_mb)[metric]

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs to go on from here."""
        tables = None if self.model is None else [self.model.user_vectors, self.model.item_vectors]
        return {"epoch": self.epoch, "value": self.value, "since": self.since, "tables": tables, "learnt": self.learnt}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where :meth:`state` was called."""
        self.epoch, self.value, self.since = state["epoch"], state["value"], state["since"]
        if state["tables"] is not None:
            users, items = state["tables"]
            self.model, self.learnt = vectors(users, items, self.graph), state["learnt"]
