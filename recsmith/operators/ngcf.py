"""Neural graph collaborative filtering (Wang et al. 2019, equations 3 to 7)."""

from __future__ import annotations

import torch
from torch import nn

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.operators.contract import Knobs, Operator


class Ngcf(Operator):
    """``X' = (L + 1) X W + (L X * X) V`` with ``L = D^-target A D^-source`` and ``*`` entry by entry.

    Both exponents are 1/2 in the paper. Its leaky ReLU is the network's activation. Since ``sum_j L_ij (x_j * x_i) =
    (L X)_i * x_i``, one product serves both terms.

    Shapes: nodes (N, D) -> (N, D); W, V (D, D).
    """

    def __init__(self, knobs: Knobs) -> None:
        super().__init__(knobs)
        self.message = nn.Linear(knobs.dimension, knobs.dimension, bias=False)
        self.interaction = nn.Linear(knobs.dimension, knobs.dimension, bias=False)

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        heard = adjacency.normalised(self.knobs.target_exponent, self.knobs.source_exponent) @ nodes
        return self.message(heard + nodes) + self.interaction(heard * nodes)
