"""What every operator is: one round of messages between the nodes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import nn

from recsmith.engine.sparse.adjacency import Adjacency


@dataclass(frozen=True)
class Knobs:
    """What operators are made from; each reads what it needs. See ``recsmith/model/gnn.py`` for what they mean."""

    dimension: int
    heads: int = 1
    edge_dimension: int = 0
    n_events: int = 1
    """Kinds of events in the graph."""
    target_exponent: float = 0.5
    source_exponent: float = 0.5


class Operator(nn.Module, ABC):
    """Takes a vector of each node to a new one, over the edges of the graph.

    It must be deterministic on a CPU, give finite vectors to nodes without an edge, and not depend on how nodes are
    numbered; ``tests/operators/test_operators_contract.py`` holds every operator of the resolver to that.
    """

    def __init__(self, knobs: Knobs) -> None:
        super().__init__()
        self.knobs = knobs

    @abstractmethod
    def forward(self, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        """One layer.

        Shapes: nodes (N, D) -> (N, D), users first.
        """
