"""No messages: the nodes as they are."""

from __future__ import annotations

import torch

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.operators.contract import Operator


class Identity(Operator):
    """``X' = X``. A model of these alone is matrix factorisation (Rendle et al. 2009).

    Shapes: nodes (N, D) -> (N, D).
    """

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        return nodes
