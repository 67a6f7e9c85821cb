"""LightGCN (He et al. 2020, equation 3)."""

from __future__ import annotations

import torch

from recsmith.engine.adjacency import Adjacency
from recsmith.operators.contract import Operator


class LightGcn(Operator):
    """``X' = D^-1/2 A D^-1/2 X``: no weights, no loop.

    Shapes: nodes (N, D) -> (N, D).
    """

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        return adjacency.symmetric @ nodes
