"""Batches of interactions and their negatives, drawn at once from seeded generators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from recsmith.graph.graph import Graph

ROUNDS = 8
"""Draws before a negative that is still one of the user's own items is kept; only users of nearly all items get there."""


@dataclass(frozen=True)
class Batch:
    """Interactions in groups of ``n``, which share their ``n`` negatives.

    One draw for each interaction serves its whole group, so that the number of vectors to gather does not grow with
    the number of negatives. The last group is filled up with interactions of the same batch; only the first ``size`` count.

    Shapes:
        users, items (G n,) int64; negatives (G, n) int64; own (G, n, n) bool: interaction, negative: the user has it.
    """

    users: torch.Tensor
    items: torch.Tensor
    negatives: torch.Tensor
    own: torch.Tensor
    size: int

    def rows(self, n_users: int) -> torch.Tensor:
        """Nodes of the users, the items and the negatives, one after the other; shapes: -> (3 G n,) int64."""
        return torch.cat([self.users, self.items + n_users, self.negatives.view(-1) + n_users])


class Sampler:
    """Shuffled passes over the pairs of a graph (parallel edges count once) with uniform negatives.

    A pass is decided by the seed and by how many were drawn before it, by nothing else.
    """

    def __init__(self, graph: Graph, negatives: int, batch_size: int, seed: int, device: torch.device) -> None:
        self.n_items, self.n_negatives, self.batch_size = graph.n_items, negatives, batch_size
        pairs = graph.binary.tocoo()
        self.users = torch.from_numpy(pairs.row.astype(np.int64)).to(device)
        self.items = torch.from_numpy(pairs.col.astype(np.int64)).to(device)
        self.keys = self.users * self.n_items + self.items
        self.generator = torch.Generator(device).manual_seed(seed)

    def epoch(self) -> Iterator[Batch]:
        """Every pair once, in a new order."""
        order = torch.randperm(len(self.users), generator=self.generator, device=self.users.device)
        for start in range(0, len(order), self.batch_size):
            yield self._batch(order[start : start + self.batch_size])

    def _batch(self, chosen: torch.Tensor) -> Batch:
        size, n = len(chosen), self.n_negatives
        full = chosen[torch.arange(-(-size // n) * n, device=chosen.device) % size]
        users = self.users[full]
        negatives = self.draw(users).view(-1, n)
        pairs = users.view(-1, n)[:, :, None] * self.n_items + negatives[:, None, :]
        return Batch(users, self.items[full], negatives, self.known(pairs), size)

    def draw(self, users: torch.Tensor) -> torch.Tensor:
        """One item for each user that it has no edge to, uniformly.

        Shapes: users (B,) int64 -> (B,) int64.
        """
        items = self._uniform(len(users))
        for _ in range(ROUNDS):
            again = self.known(users * self.n_items + items).nonzero()[:, 0]
            if not len(again):
                break
            items[again] = self._uniform(len(again))
        return items

    def known(self, keys: torch.Tensor) -> torch.Tensor:
        """Where ``user * I + item`` is an edge; shapes: any int64 -> the same, bool."""
        place = torch.searchsorted(self.keys, keys).clamp_(max=len(self.keys) - 1)
        return self.keys[place] == keys

    def _uniform(self, number: int) -> torch.Tensor:
        return torch.randint(self.n_items, (number,), generator=self.generator, device=self.users.device)
