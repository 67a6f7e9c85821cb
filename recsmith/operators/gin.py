"""Graph isomorphism network (Xu et al. 2019, equation 4.1), with edges as in Hu et al. 2020 (GINE)."""

from __future__ import annotations

import torch
from torch import nn

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.messages import rectified_sums
from recsmith.operators.contract import Knobs, Operator
from recsmith.operators.edges import EdgeEmbedding


class Gin(Operator):
    """``X' = MLP((1 + eps) X + A X)``; where edges are read, neighbours send ``ReLU(x_j + e_ij)`` in place of ``x_j``.

    The MLP has one hidden layer of D units with a ReLU.

    Shapes: nodes (N, D) -> (N, D); eps (), layers (D, D) and (D,) twice.
    """

    def __init__(self, knobs: Knobs) -> None:
        super().__init__(knobs)
        dimension = knobs.dimension
        self.eps = nn.Parameter(torch.zeros(()))
        self.mlp = nn.Sequential(nn.Linear(dimension, dimension), nn.ReLU(), nn.Linear(dimension, dimension))
        self.edges = EdgeEmbedding(knobs) if knobs.edge_dimension else None

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        if self.edges is None:
            heard = adjacency.sums @ nodes
        else:
            given = self.edges.projection, adjacency.attributed_weights, adjacency.attributed
            heard = rectified_sums(nodes, *given)
        return self.mlp((1 + self.eps) * nodes + heard)
