"""What every operator is: one round of messages between the nodes."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn

from recsmith.engine.adjacency import Adjacency


class Operator(nn.Module, ABC):
    """Takes a vector of each node to a new one, over the edges of the graph.

    It must be deterministic on a CPU, give finite vectors to nodes without an edge, and not depend on how nodes are
    numbered; ``tests/operators/test_operators_contract.py`` holds every operator of the resolver to that.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension

    @abstractmethod
    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        """One layer.

        Shapes: nodes (N, D) -> (N, D), users first.
        """
