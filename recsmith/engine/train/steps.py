"""The gradients of one step: of a whole batch, of its parts, or with a propagation that several steps share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch

from recsmith.engine.batch.sampling import Batch
from recsmith.engine.batch.views import Views
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.train.objective import Objective
from recsmith.engine.train.team import Team


@dataclass
class Parts:
    """What every way to the gradients works with."""

    objective: Objective
    views: Views
    number: int
    """Parts that a batch is cut into."""
    precision: str
    device: torch.device

    def cut(self, batch: Batch) -> Iterator[tuple[Batch, float]]:
        """The parts that hold a pair, and their shares of the batch."""
        return ((part, part.size / batch.size) for part in batch.parts(self.number))

    def cast(self) -> AbstractContextManager[object]:
        """Products in bfloat16 where that is asked for."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def propagated(self, adjacency: Adjacency) -> torch.Tensor:
        """The vectors of all nodes, in float32 whatever the products are in; shapes: -> (N, W)."""
        with self.cast():
            vectors = self.objective.network(adjacency)
        return vectors.float()

    def of_vectors(self, leaf: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The loss of a batch by vectors that are there already, part by part; gradients are added up in ``leaf``.

        Shapes: leaf (N, W) -> ().
        """
        total = leaf.new_zeros(())
        for part, share in self.cut(batch):
            with self.cast():
                value = self.objective.of_vectors(leaf, self.views.view(part), part) * share
            value.backward()
            total += value.detach()
        return total


class Gradients(Protocol):
    """One way to the gradients of a step."""

    def __call__(self, batch: Batch, *, last: bool) -> torch.Tensor:
        """Add the gradients of the batch's loss to those of the parameters, and give the loss; shapes: -> ().

        ``last``: the batch is the last of its epoch.
        """
        ...


class Whole:
    """The batch at once, or this process's share of it."""

    def __init__(self, parts: Parts, team: Team) -> None:
        self.parts, self.team, self.module = parts, team, team.module(parts.objective)

    def __call__(self, batch: Batch, *, last: bool) -> torch.Tensor:
        # A process without a pair takes part all the same: the others wait for its gradients, which are zero.
        part = batch.share(self.team.rank, self.team.size)
        with self.parts.cast():
            value = self.module(self.parts.views.view(part), part) * (part.size / batch.size)
        # The team averages gradients; the sum of its shares is the batch.
        (value * self.team.size).backward()
        return self.team.total(value.detach())


class Propagated:
    """The whole graph is propagated once for all parts of the batch, forwards and backwards."""

    def __init__(self, parts: Parts, adjacency: Adjacency) -> None:
        self.parts, self.adjacency = parts, adjacency

    def __call__(self, batch: Batch, *, last: bool) -> torch.Tensor:
        vectors = self.parts.propagated(self.adjacency)
        leaf = vectors.detach().requires_grad_()
        value = self.parts.of_vectors(leaf, batch)
        vectors.backward(leaf.grad)
        return value


class Sampled:
    """Each part of the batch has a view of its own."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def __call__(self, batch: Batch, *, last: bool) -> torch.Tensor:
        total = torch.zeros((), device=self.parts.device)
        for part, share in self.parts.cut(batch):
            with self.parts.cast():
                value = self.parts.objective(self.parts.views.view(part), part) * share
            value.backward()
            total += value.detach()
        return total
