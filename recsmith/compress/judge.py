"""How well a model that serves does on valid, on average and for users of each activity, and what a query costs it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsmith.engine.rank.metrics import hits, mean, per_user
from recsmith.evaluation.slices import slice_names, slice_of
from recsmith.graph.relevant import Relevant
from recsmith.serving.model import Batch, ServingModel, top_k

ACTIVITY = (10, 50, 200)
"""Edges of the slices by length of history."""
TIMED = 200
"""Queries, one at a time, whose 99th percentile is measured."""
NORMAL = 1.96
"""Standard errors on either side of a 95 % interval."""


@dataclass(frozen=True)
class Found:
    """Metrics of the lists that a model serves."""

    metrics: dict[str, float]
    slices: dict[str, float]
    """The chosen metric by slice of activity."""
    interval: tuple[float, float]
    """95 % of the chosen metric over users."""


@dataclass(frozen=True)
class Judge:
    """Valid, and how well the exact model does there."""

    histories: Batch
    relevant: Relevant
    cutoffs: Iterable[int]
    metric: str
    exact: dict[str, float]

    def metrics(self, model: ServingModel) -> Found:
        """Metrics of the lists that ``model`` serves."""
        users, cutoffs = self.relevant.users, sorted(set(self.cutoffs))
        batch = self.histories.take(users)
        lists, _ = top_k(model, batch, cutoffs[-1])
        values = per_user(hits(lists, users, self.relevant), self.relevant.n_relevant[users], cutoffs)
        chosen = values[self.metric]
        reach = NORMAL * float(chosen.std()) / max(1, len(chosen)) ** 0.5
        middle = float(chosen.mean()) if len(chosen) else 0.0
        slices = {name: float(chosen[inside].mean()) for name, inside in self._slices.items()}
        return Found(mean(values), slices, (middle - reach, middle + reach))

    @cached_property
    def _slices(self) -> dict[str, np.ndarray]:
        """The users of each slice of activity that has some, by their places among ``relevant.users``."""
        member = slice_of(np.diff(self.histories.indptr)[self.relevant.users], ACTIVITY)
        places = {name: np.flatnonzero(member == number) for number, name in enumerate(slice_names(ACTIVITY))}
        return {name: inside for name, inside in places.items() if len(inside)}

    @property
    def slice_users(self) -> dict[str, int]:
        """How many users each slice of activity has."""
        return {name: len(inside) for name, inside in self._slices.items()}

    def retained(self, metrics: dict[str, float]) -> float:
        """Share of the exact model's metric; 1 where the exact model has none to lose."""
        return metrics[self.metric] / self.exact[self.metric] if self.exact[self.metric] > 0 else 1.0

    def cost(self, model: ServingModel) -> int:
        """Multiply-adds of an average query of valid: the scan, the fold-in, and the gathered sparse entries."""
        batch = self.histories.take(self.relevant.users)
        queries = max(1, len(batch))
        folded = len(batch.indices) * model.projected
        gathered = 0
        if model.sparse is not None:
            gathered = int(np.diff(model.sparse.indptr.astype(np.int64))[batch.indices].sum())
        return model.n_items * model.rank + (folded + gathered) // queries

    def p99_ms(self, model: ServingModel) -> float:
        """The 99th percentile of single queries on this machine at this moment, after one that warms up."""
        batch, times = self.histories.take(self.relevant.users[:TIMED]), []
        top_k(model, batch.part(0, 1), max(self.cutoffs))
        for query in range(len(batch)):
            start = time.perf_counter()
            top_k(model, batch.part(query, query + 1), max(self.cutoffs))
            times.append(1000 * (time.perf_counter() - start))
        return float(np.percentile(times, 99))
