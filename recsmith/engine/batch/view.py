"""What one step of training looks at: the graph or a sampled part of it, and where the batch stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.propagate import Gather


@dataclass(frozen=True)
class View:
    """Nodes, edges, and the rows of the batch among them.

    Shapes: nodes (n,) int64, the graph's numbers of the nodes in view, None for all of them in order; gather takes the
    rows of users, items and negatives (``Batch.rows``) out of the (n, W) vectors.
    """

    adjacency: Adjacency | Sequence[Adjacency]
    """One for all layers, or one a layer."""
    gather: Gather
    nodes: torch.Tensor | None = None
