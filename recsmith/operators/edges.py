"""The attributes of edges, embedded."""

from __future__ import annotations

import torch
from torch import nn

from recsmith.engine.sparse.edges import n_features
from recsmith.operators.contract import Knobs

SPREAD = 0.1
"""Standard deviation at the start: that of the vectors of nodes."""


class EdgeEmbedding(nn.Module):
    """``e = T[event] + weight a + age b + [age unknown] c`` in ``edge_dimension`` numbers; then ``W`` makes D of them.

    All of it is linear in the features of an edge (``recsmith/engine/sparse/edges.py``), so that sums over edges may be
    taken before it is applied. ``projection`` is the whole way from features to the space of the nodes.

    Shapes: table (F, edge_dimension): T, a, b, c; W (edge_dimension, D).
    """

    def __init__(self, knobs: Knobs) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(n_features(knobs.n_events), knobs.edge_dimension) * SPREAD)
        self.linear = nn.Linear(knobs.edge_dimension, knobs.dimension, bias=False)

    @property
    def projection(self) -> torch.Tensor:
        """Shapes: -> (F, D)."""
        return self.table @ self.linear.weight.T
