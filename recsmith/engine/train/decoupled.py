"""Training that propagates less often than it steps, where the vectors are linear in the id embeddings.

The vectors are ``Z = P E = (P_0 + P_1) E``: ``P_0`` is what the network makes of a graph without edges (each node's
own share), ``P_1`` the neighbourhood's share. In a window of ``n`` steps ``P_1 E`` stays as it was at the window's
start, and ``P_0 E`` follows every step. The gradient of a step is ``P_0^T G`` with its own ``G = dloss/dZ``, plus
``P_1^T`` of the mean ``G`` of the window before (nothing in the first window of a fit), so that a window costs one
propagation forwards and one backwards. Applying the sum of the window's own ``G`` in its last step instead was worse on
MovieLens 100k: one large gradient among small ones does not suit Adam.

Best valid NDCG@20 and CPU seconds of 60 epochs there (LightGCN, 3 layers, D = 64, batch 4096, 22 steps an epoch,
learning rate 0.01, one thread): n = 1 .1597, 14.7 s; n = 4 .1592, 12.3 s; n = 16 .1580, 9.6 s; 0 .1326, 8.6 s. With
combination last, where nothing but the neighbourhood counts, n = 4 loses more (.1123 of .1223). On Gowalla, where
propagation dominates, a step of the same network takes .30, .25, .12 and .04 s (16 steps, one thread, a busy box).
So n pays on large graphs with small batches and many layers, combined by mean or concat.
"""

from __future__ import annotations

import numpy as np
import torch

from recsmith.engine.batch.sampling import Batch
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.train.steps import Parts
from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.gnn import Gnn
from recsmith.model.names import LINEAR_OPERATORS

LINEAR_COMBINATIONS = ("last", "mean", "concat")


def check_linear(architecture: Gnn) -> None:
    """UserError names the knob that keeps ``propagate_every`` from being anything but 1."""
    allowed = {
        "operators": set(architecture.operators) <= set(LINEAR_OPERATORS),
        "combination": architecture.combination in LINEAR_COMBINATIONS,
        "contrast": architecture.contrast == "none",
        "dropout": architecture.dropout == 0,
        "head": architecture.head == "dot",
    }
    for knob, fits in allowed.items():
        if not fits:
            raise UserError(
                f"propagate_every = {architecture.propagate_every} needs vectors that are linear in the id embeddings, "
                f"with operators {' or '.join(LINEAR_OPERATORS)}, combination {', '.join(LINEAR_COMBINATIONS)}, "
                f"no contrast, no dropout, head dot. Change {knob} = {getattr(architecture, knob)!r}, or take 1."
            )


class Window:
    """``every`` steps share a propagation; a window ends with its epoch."""

    def __init__(self, parts: Parts, adjacency: Adjacency, graph: Graph, every: int) -> None:
        self.parts, self.adjacency, self.every = parts, adjacency, every
        nothing = np.zeros(0, np.int64)
        self.alone = Adjacency(from_edges(nothing, nothing, graph.n_users, graph.n_items), parts.device)
        self.taken = 0
        self.late: torch.Tensor | None = None
        """Gradient (N, D) of the id embeddings by the neighbourhood's share in the window before."""

    def __call__(self, batch: Batch, *, last: bool) -> torch.Tensor:
        embeddings = self.parts.objective.network.embeddings
        if not self.taken:
            self.neighbours = self.parts.propagated(self.adjacency) - self.parts.propagated(self.alone)
            self.collected = torch.zeros_like(self.neighbours)
        own = self.parts.propagated(self.alone)
        leaf = (own + self.neighbours).detach().requires_grad_()
        value = self.parts.of_vectors(leaf, batch)
        own.backward(leaf.grad)
        assert leaf.grad is not None
        assert embeddings.grad is not None
        if self.late is not None:
            embeddings.grad += self.late
        self.collected += leaf.grad
        self.taken += 1
        if last or self.taken == self.every:
            mean = self.collected / self.taken
            (self.late,) = torch.autograd.grad(self.neighbours, embeddings, mean)
            self.taken = 0
        return value


class Once:
    """The id embeddings are trained as they are; they are propagated when the model is asked for (Ju et al. 2024)."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def __call__(self, batch: Batch, *, last: bool) -> torch.Tensor:
        embeddings = self.parts.objective.network.embeddings
        leaf = embeddings.detach().requires_grad_()
        value = self.parts.of_vectors(leaf, batch)
        embeddings.backward(leaf.grad)
        return value
