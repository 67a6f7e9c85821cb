"""Batches of interactions and their negatives, drawn at once from seeded generators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from recsmith.engine.batch.mapped import MappedEnds, MappedPairs
from recsmith.engine.batch.negatives import Propose, among, exponent, proposal
from recsmith.engine.batch.pairs import Pairs
from recsmith.graph.graph import Graph
from recsmith.losses import loss
from recsmith.model.architecture import Gnn

ROUNDS = 8
"""Draws before a negative that is one of the user's own items is kept; only users of nearly all items get there."""


@dataclass(frozen=True)
class Batch:
    """Interactions in groups of ``g``, which share their ``m`` negatives.

    One draw for each interaction serves its whole group (``g = m``), so that the number of vectors to gather does not
    grow with the number of negatives. The last group is filled up with interactions of the same batch, and only the
    first ``size`` count. Losses that draw none have groups of one and ``m = 0``. Hard negatives come as candidates,
    ``m = g P``, and ``own`` says which of its own ``P`` an interaction's user has; ``chosen`` keeps one of these.

    Shapes:
        users, items (G g,) int64; negatives (G, m) int64; own (G, g, m) bool: interaction, negative: the user has it
        ((G, g, P) of candidates).
    """

    users: torch.Tensor
    items: torch.Tensor
    negatives: torch.Tensor
    own: torch.Tensor
    size: int
    known: Pairs | MappedPairs | None = None
    """All pairs of the graph, where there are candidates to choose from."""

    def rows(self, n_users: int) -> torch.Tensor:
        """Nodes of the users, the items and the negatives, one after the other; shapes: -> (2 G g + G m,) int64."""
        return torch.cat([self.users, self.items + n_users, self.negatives.view(-1) + n_users])

    def share(self, rank: int, world: int) -> Batch:
        """The ``rank``-th of ``world`` parts of nearly equal size, in whole groups; it may be empty (size 0)."""
        groups, g, _ = self.own.shape
        start, stop = groups * rank // world, groups * (rank + 1) // world
        pairs, size = slice(start * g, stop * g), min(self.size, stop * g) - min(self.size, start * g)
        negatives, own = self.negatives[start:stop], self.own[start:stop]
        return Batch(self.users[pairs], self.items[pairs], negatives, own, size, self.known)

    def parts(self, number: int) -> list[Batch]:
        """All shares that are not empty, for gradients that are summed up one after the other."""
        return [part for rank in range(number) if (part := self.share(rank, number)).size]

    def chosen(self, choice: torch.Tensor) -> Batch:
        """Keep one candidate an interaction; shapes: choice (G g,) int64 into P."""
        groups, g, pool = self.own.shape
        negatives = self.negatives.view(-1, pool).gather(1, choice[:, None]).view(groups, g)
        assert self.known is not None
        own = self.known.contain(self.users.view(groups, g, 1), negatives[:, None, :])
        return Batch(self.users, self.items, negatives, own, self.size, self.known)


def _held(graph: Graph, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, Pairs]:
    pairs = graph.binary.tocoo()
    users, items = (torch.from_numpy(side.astype(np.int64)).to(device) for side in (pairs.row, pairs.col))
    return users, items, Pairs(users, items, graph.n_items)


def _mapped(graph: Graph, device: torch.device) -> tuple[MappedEnds, MappedEnds, MappedPairs]:
    users, items = (MappedEnds(graph, device, users=users) for users in (True, False))
    return users, items, MappedPairs(graph)


class Sampler:
    """Shuffled passes over the pairs of a graph (parallel edges count once) with their negatives.

    ``mapped`` leaves the pairs in the graph's own arrays, which may lie on disk; the batches are the same.

    A pass is decided by the seed and by how many were drawn before it, by nothing else; every process of a distributed
    run draws the same and takes its ``Batch.share``.
    """

    def __init__(
        self,
        graph: Graph,
        architecture: Gnn,
        batch_size: int,
        seed: int,
        device: torch.device,
        *,
        mapped: bool = False,
    ) -> None:
        self.batch_size = batch_size
        self.n_negatives = architecture.negatives if loss(architecture.loss).reads == "negatives" else 0
        self.pool = architecture.hard_pool if architecture.sampling == "hard" else 1
        self.users, self.items, self.pairs = _mapped(graph, device) if mapped else _held(graph, device)
        # None: of the items of the batch.
        self.propose = None if architecture.sampling == "in_batch" else proposal(graph, exponent(architecture), device)
        self.generator = torch.Generator(device).manual_seed(seed)

    def state(self) -> torch.Tensor:
        """What decides all passes to come, as bytes; taken between two passes."""
        return self.generator.get_state()

    def restore(self, state: torch.Tensor) -> None:
        """Go on where ``state`` was taken."""
        self.generator.set_state(state.cpu())

    def epoch(self) -> Iterator[Batch]:
        """Every pair once, in a new order."""
        order = torch.randperm(len(self.users), generator=self.generator, device=self.users.device)
        for start in range(0, len(order), self.batch_size):
            yield self._batch(order[start : start + self.batch_size])

    def _batch(self, chosen: torch.Tensor) -> Batch:
        size, n = len(chosen), self.n_negatives
        if not n:
            none = chosen.new_zeros(size, 0)
            return Batch(self.users[chosen], self.items[chosen], none, none[:, None].bool(), size, self.pairs)
        full = chosen[torch.arange(-(-size // n) * n, device=chosen.device) % size]
        users, items = self.users[full], self.items[full]
        drawn, own = self.draw(users.repeat_interleave(self.pool), self.propose or among(items))
        negatives = drawn.view(-1, n * self.pool)
        if n > 1 and self.pool == 1:
            own = self.pairs.contain(users.view(-1, n, 1), negatives[:, None, :])
        return Batch(users, items, negatives, own.view(len(negatives), n, -1), size, self.pairs)

    def draw(self, users: torch.Tensor, propose: Propose) -> tuple[torch.Tensor, torch.Tensor]:
        """One item for each user, of those that it has no edge to, and where that failed.

        Shapes: users (B,) int64 -> items (B,) int64, own (B,) bool.
        """
        items = propose(len(users), self.generator)
        own = self.pairs.contain(users, items)
        for _ in range(ROUNDS):
            again = own.nonzero()[:, 0]
            if not len(again):
                break
            items[again] = propose(len(again), self.generator)
            own[again] = self.pairs.contain(users[again], items[again])
        return items, own
