"""Attention over the neighbourhood with queries, keys and values (Shi et al. 2021, equations 3 and 4)."""

from __future__ import annotations

import math

import torch
from torch import nn

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.attention import attend, inner, read
from recsmith.operators.contract import Knobs, Operator
from recsmith.operators.edges import EdgeEmbedding


class Transformer(Operator):
    """``x'_i = W x_i + c + sum_j alpha_ij (V x_j + v + e_ij)`` over the neighbours of i.

    ``alpha_i = softmax_j (Q x_i + q) . (K x_j + e_ij) / sqrt(d)``, in H heads of d = D / H entries, put side by side;
    ``e_ij`` is there where edges are read. Keys have no bias: the softmax would not see it. As ``e_ij = f_ij P`` is
    linear in the few features of an edge, ``q_i . e_ij = (P q_i) . f_ij``, and ``sum_j alpha_ij e_ij`` is ``P`` applied
    to the weighted sum of features: no edge has a vector.

    Shapes: nodes (N, D) -> (N, D); W, V, Q, K (D, D), c, q, v (D,), P of ``EdgeEmbedding`` (F, D).
    """

    def __init__(self, knobs: Knobs) -> None:
        super().__init__(knobs)
        dimension = knobs.dimension
        self.own, self.value = nn.Linear(dimension, dimension), nn.Linear(dimension, dimension)
        self.query, self.key = nn.Linear(dimension, dimension), nn.Linear(dimension, dimension, bias=False)
        self.edges = EdgeEmbedding(knobs) if knobs.edge_dimension else None

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        seen = adjacency.neighbours if self.edges is None else adjacency.attributed
        queries = self.query(nodes) / math.sqrt(self.knobs.dimension // self.knobs.heads)
        given = [queries, self.key(nodes), self.value(nodes), *([] if self.edges is None else [self.edges.projection])]
        parts = [each.tensor_split(self.knobs.heads, 1) for each in given]
        outs = []
        for query, key, value, *embedding in zip(*parts, strict=True):
            logits = inner(query, key, seen)
            if embedding:
                logits = logits + read(query @ embedding[0].T, seen)
            out, features = attend(value, logits, seen)
            outs.append(out + features @ embedding[0] if embedding else out)
        return self.own(nodes) + torch.cat(outs, 1)
