"""Graph convolution (Kipf and Welling 2017, equation 2)."""

from __future__ import annotations

import torch
from torch import nn

from recsmith.engine.adjacency import Adjacency
from recsmith.operators.contract import Operator


class Gcn(Operator):
    """``X' = D^-1/2 (A + 1) D^-1/2 X W + c``, degrees counted with the loop.

    Shapes: nodes (N, D) -> (N, D); W (D, D), c (D,).
    """

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self.linear = nn.Linear(dimension, dimension)

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        return self.linear(adjacency.with_self @ nodes)
