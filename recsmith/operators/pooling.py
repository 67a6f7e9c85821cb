"""The largest of the neighbourhood: no weights."""

from __future__ import annotations

import torch

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.messages import maxima
from recsmith.operators.contract import Operator


class Pooling(Operator):
    """``x'_i = max(x_i, max_j x_j)`` over the neighbours, entry by entry (max pooling as in Hamilton et al. 2017,
    equation 3, without its weights: a ``dense`` layer before it gives them back).

    The maximum and not the mean, which gcn, sage and lightgcn have already: it hears one strong neighbour among many.

    Shapes: nodes (N, D) -> (N, D).
    """

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        return maxima(nodes, adjacency.edges)
