"""Graph convolution (Kipf and Welling 2017, equation 2)."""

from __future__ import annotations

import torch
from torch import nn

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.operators.contract import Knobs, Operator


class Gcn(Operator):
    """``X' = D^-target (A + 1) D^-source X W + c``, degrees counted with the loop; both exponents 1/2 in the paper.

    Shapes: nodes (N, D) -> (N, D); W (D, D), c (D,).
    """

    def __init__(self, knobs: Knobs) -> None:
        super().__init__(knobs)
        self.linear = nn.Linear(knobs.dimension, knobs.dimension)

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        product = adjacency.normalised(self.knobs.target_exponent, self.knobs.source_exponent, loops=True)
        return self.linear(product @ nodes)
