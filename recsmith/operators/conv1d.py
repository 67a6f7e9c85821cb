"""A convolution along the vector: no messages."""

from __future__ import annotations

import torch
from torch import nn

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.operators.contract import Knobs, Operator

WIDTH = 3
"""Entries that the kernel covers."""


class Conv1d(Operator):
    """``x'_d = sum_k w_k x_(d + k - 1) + c``, each node for itself, with zeros beyond the ends.

    Neighbouring entries of a vector mean nothing at first; training arranges them, as it does before any convolution.
    It is a product with a banded matrix, which is quicker than a convolution of so many short rows.

    Shapes: nodes (N, D) -> (N, D); kernel (3,), c ().
    """

    def __init__(self, knobs: Knobs) -> None:
        super().__init__(knobs)
        bound = WIDTH**-0.5
        self.kernel = nn.Parameter(torch.empty(WIDTH).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(()).uniform_(-bound, bound))

    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        band = sum(weight * self._shift(nodes, place - WIDTH // 2) for place, weight in enumerate(self.kernel))
        return nodes @ band + self.bias

    @staticmethod
    def _shift(nodes: torch.Tensor, step: int) -> torch.Tensor:
        """The matrix that moves the entry ``step`` further on into each place; shapes: -> (D, D)."""
        ones = nodes.new_ones(max(0, nodes.shape[1] - abs(step)))
        dimension = nodes.shape[1]
        return torch.diag(ones, -step) if len(ones) else nodes.new_zeros(dimension, dimension)
