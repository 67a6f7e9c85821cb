"""GraphSAGE with the mean of all neighbours (Hamilton et al. 2017, algorithm 1)."""

from __future__ import annotations

import torch
from torch import nn

from recsmith.engine.adjacency import Adjacency
from recsmith.operators.contract import Operator


class Sage(Operator):
    """``X' = X W + (D^-1 A X) V + c``: own vector and mean of the neighbours, each through its weights.

    Shapes: nodes (N, D) -> (N, D); W, V (D, D), c (D,).
    """

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self.own = nn.Linear(dimension, dimension)
        self.neighbours = nn.Linear(dimension, dimension, bias=False)

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        return self.own(nodes) + self.neighbours(adjacency.mean @ nodes)
