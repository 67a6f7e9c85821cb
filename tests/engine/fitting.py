"""Small data that the tests of the fit loop share."""

from __future__ import annotations

import numpy as np
import torch

from recsmith.engine.fit import FitSettings, Fitted
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.model.architecture import Gnn

USERS, ITEMS = 30, 40
SETTINGS = FitSettings(seed=5, device="cpu", threads=1, max_epochs=4, patience=9, evaluate_every=1, batch_size=64)
SMALL = Gnn(operators=("lightgcn", "lightgcn"), dimension=8, learning_rate=0.02)


def edges(seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of the first users and items; the last user and the last item have none."""
    keys = np.random.default_rng(seed).choice((USERS - 1) * (ITEMS - 1), number, replace=False)
    return keys // (ITEMS - 1), keys % (ITEMS - 1)


def small_graph() -> Graph:
    return from_edges(*edges(1, 200), USERS, ITEMS)


def small_valid() -> Relevant:
    return from_pairs(*edges(2, 60), USERS, ITEMS)


def tables(fitted: Fitted) -> torch.Tensor:
    """All vectors, users first."""
    return torch.cat([getattr(fitted.model, name) for name in ("user_vectors", "item_vectors")])
