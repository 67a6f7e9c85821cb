"""LightGCN (He et al. 2020, equation 3)."""

from __future__ import annotations

import torch

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.operators.contract import Operator


class LightGcn(Operator):
    """``X' = D^-target A D^-source X``: no weights, no loop; both exponents are 1/2 in the paper.

    Shapes: nodes (N, D) -> (N, D).
    """

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        return adjacency.normalised(self.knobs.target_exponent, self.knobs.source_exponent) @ nodes
