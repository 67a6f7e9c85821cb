"""Graph attention (Velickovic et al. 2018, equations 1 to 5): PyTorch Geometric's module on our products."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.attention import additive, attend, featured
from recsmith.operators.contract import Knobs, Operator
from recsmith.operators.edges import EdgeEmbedding

SLOPE = 0.2
"""Of the leaky ReLU on the logits (section 3.3)."""


class Gat(Operator):
    """``x'_i = sum_j alpha_ij W x_j + c`` over i and its neighbours, ``alpha_i = softmax_j LReLU(a W x_j + b W x_i)``.

    Heads work on D / H entries each and are put side by side. Where edges are read, the logit of one has ``d e_ij`` on
    top; a loop has none. Weights and formula are those of ``torch_geometric.nn.GATConv``; the sum over neighbours is
    our own product, which needs an eighth of the time and no array of edges times dimension (a test holds both to
    equal values and gradients).

    Shapes: nodes (N, D) -> (N, D); W (D, D), a, b, c, d (D,), e of ``EdgeEmbedding``.
    """

    def __init__(self, knobs: Knobs) -> None:
        super().__init__(knobs)
        from torch_geometric.nn import GATConv

        dimension, heads = knobs.dimension, knobs.heads
        self.module: Any = GATConv(dimension, dimension // heads, heads, add_self_loops=False)
        self.edges = EdgeEmbedding(knobs) if knobs.edge_dimension else None
        if self.edges is not None:
            self.attention = torch.nn.Parameter(torch.empty_like(self.module.att_src))
            torch.nn.init.xavier_uniform_(self.attention)

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        values = nodes @ self.module.lin.weight.T
        edges = adjacency.edges if self.edges is None else adjacency.attributed_edges
        heads = zip(values.tensor_split(self.knobs.heads, 1), range(self.knobs.heads), strict=True)
        outs = []
        for part, head in heads:
            source, target = part @ self.module.att_src[0, head], part @ self.module.att_dst[0, head]
            logits = additive(source, target, edges)
            if self.edges is not None:
                projection = self.edges.projection.tensor_split(self.knobs.heads, 1)[head] @ self.attention[0, head]
                logits = logits + featured(edges, projection) @ projection
            outs.append(attend(part, functional.leaky_relu(logits, SLOPE), edges)[0])
        return (outs[0] if len(outs) == 1 else torch.cat(outs, 1)) + self.module.bias
