"""A plain layer: no messages."""

from __future__ import annotations

import torch
from torch import nn

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.operators.contract import Knobs, Operator


class Dense(Operator):
    """``X' = X W + c``, each node for itself.

    Shapes: nodes (N, D) -> (N, D); W (D, D), c (D,).
    """

    def __init__(self, knobs: Knobs) -> None:
        super().__init__(knobs)
        self.linear = nn.Linear(knobs.dimension, knobs.dimension)

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        return self.linear(nodes)
