"""GraphSAGE with the mean of all neighbours (Hamilton et al. 2017, algorithm 1)."""

from __future__ import annotations

import torch
from torch import nn

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.operators.contract import Knobs, Operator
from recsmith.operators.edges import EdgeEmbedding


class Sage(Operator):
    """``X' = X W + (D^-1 A X) V + c``: own vector and mean of the neighbours, each through its weights.

    Where edges are read, the mean of their embeddings is added (Lo et al. 2022, equation 1, concatenation written as
    a sum): it is linear, so the features are averaged first, once for all steps.

    Shapes: nodes (N, D) -> (N, D); W, V (D, D), c (D,).
    """

    def __init__(self, knobs: Knobs) -> None:
        super().__init__(knobs)
        self.own = nn.Linear(knobs.dimension, knobs.dimension)
        self.neighbours = nn.Linear(knobs.dimension, knobs.dimension, bias=False)
        self.edges = EdgeEmbedding(knobs) if knobs.edge_dimension else None

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        out = self.own(nodes) + self.neighbours(adjacency.mean @ nodes)
        if self.edges is None:
            return out
        projection = self.edges.projection
        return out + adjacency.mean_features.to(projection.dtype) @ projection
