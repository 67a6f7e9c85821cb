"""Graph attention (Velickovic et al. 2018, equations 1 to 4, one head), by PyTorch Geometric."""

from __future__ import annotations

import torch

from recsmith.engine.propagate import Adjacency
from recsmith.operators.contract import Operator


class Gat(Operator):
    """``x'_i = sum_j alpha_ij W x_j + c``, ``alpha_i = softmax_j LeakyReLU(a . W x_j + b . W x_i)`` over i and its neighbours.

    Shapes: nodes (N, D) -> (N, D); W (D, D), a, b, c (D,).
    """

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        from torch_geometric.nn import GATConv

        self.attention = GATConv(dimension, dimension, add_self_loops=False)

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        return self.attention(nodes, adjacency.edges)
