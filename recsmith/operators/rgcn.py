"""Relational graph convolution (Schlichtkrull et al. 2018, equation 2), a relation for each event."""

from __future__ import annotations

import torch
from torch import nn

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.operators.contract import Knobs, Operator


class Rgcn(Operator):
    """``X' = X W + c + sum_r (D_r^-1 A_r X) V_r``: view, cart and buy are heard apart, each through weights of its own.

    Shapes: nodes (N, D) -> (N, D); W (D, D), c (D,), V (R, D, D).
    """

    def __init__(self, knobs: Knobs) -> None:
        super().__init__(knobs)
        dimension = knobs.dimension
        self.own = nn.Linear(dimension, dimension)
        self.events = nn.ModuleList(nn.Linear(dimension, dimension, bias=False) for _ in range(knobs.n_events))

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        out = self.own(nodes)
        for product, linear in zip(adjacency.by_event, self.events, strict=True):
            out = out + linear(product @ nodes)
        return out
