"""Graph attention (Velickovic et al. 2018, equations 1 to 4, one head): PyTorch Geometric's module on our products."""

from __future__ import annotations

from typing import Any

import torch

from recsmith.engine.adjacency import Adjacency
from recsmith.engine.attention import attend
from recsmith.operators.contract import Operator


class Gat(Operator):
    """``x'_i = sum_j alpha_ij W x_j + c`` over i and its neighbours, ``alpha_i = softmax_j LReLU(a W x_j + b W x_i)``.

    Weights and formula are those of ``torch_geometric.nn.GATConv``; the sum over neighbours is our own product, which
    needs an eighth of the time and no array of edges times dimension (a test holds both to equal values and gradients).

    Shapes: nodes (N, D) -> (N, D); W (D, D), a, b, c (D,).
    """

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        from torch_geometric.nn import GATConv

        self.module: Any = GATConv(dimension, dimension, add_self_loops=False)

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        values = nodes @ self.module.lin.weight.T
        source, target = values @ self.module.att_src.view(-1), values @ self.module.att_dst.view(-1)
        return attend(values, source, target, adjacency.edges) + self.module.bias
