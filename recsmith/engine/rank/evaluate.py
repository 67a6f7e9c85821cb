"""Metrics of a model by full ranking."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from recsmith.engine.rank.metrics import hits, mean, per_user
from recsmith.engine.rank.ranking import top_lists
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.contract import Model


def evaluate(model: Model, seen: Graph, relevant: Relevant, cutoffs: Iterable[int], memory_mb: int) -> dict[str, float]:
    """Every metric at every cut-off, averaged over all users with a relevant item.

    Seen items are never listed; users without history are served popularity; items that the catalogue does not know
    count as misses.
    """
    return mean(evaluate_users(model, seen, relevant, cutoffs, memory_mb))


def evaluate_users(
    model: Model, seen: Graph, relevant: Relevant, cutoffs: Iterable[int], memory_mb: int
) -> dict[str, np.ndarray]:
    """The same user by user: the metric -> (n,) float64 for ``relevant.users``."""
    cutoffs = sorted(set(cutoffs))
    lists = top_lists(model, relevant.users, cutoffs[-1], seen, memory_mb=memory_mb)
    return per_user(hits(lists, relevant.users, relevant), relevant.n_relevant[relevant.users], cutoffs)
