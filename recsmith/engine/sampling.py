"""Batches of interactions and their negatives, drawn at once from seeded generators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from recsmith.graph.graph import Graph
from recsmith.model.architecture import Gnn

ROUNDS = 8
"""Draws before a negative that is one of the user's own items is kept; only users of nearly all items get there."""

HASH = 0x9E3779B97F4A7C15 - 2**64
"""The golden ratio in 64 bits, signed."""


@dataclass(frozen=True)
class Batch:
    """Interactions in groups of ``n``, which share their ``n`` negatives.

    One draw for each interaction serves its whole group, so that the number of vectors to gather does not grow with
    the number of negatives. The last group is filled up with interactions of the same batch, and only the first
    ``size`` count.

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

    def __init__(self, graph: Graph, architecture: Gnn, batch_size: int, seed: int, device: torch.device) -> None:
        self.n_items, self.n_negatives, self.batch_size = graph.n_items, architecture.negatives, batch_size
        pairs = graph.binary.tocoo()
        self.users = torch.from_numpy(pairs.row.astype(np.int64)).to(device)
        self.items = torch.from_numpy(pairs.col.astype(np.int64)).to(device)
        self.pairs = _Pairs(self.users * self.n_items + self.items)
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
        drawn, own = self.draw(users)
        negatives = drawn.view(-1, n)
        if n > 1:
            own = self.pairs.contain(users.view(-1, n, 1) * self.n_items + negatives[:, None, :])
        return Batch(users, self.items[full], negatives, own.view(-1, n, n), size)

    def draw(self, users: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One item for each user, uniformly of those that it has no edge to, and where that failed.

        Shapes: users (B,) int64 -> items (B,) int64, own (B,) bool.
        """
        items = self._uniform(len(users))
        own = self.pairs.contain(users * self.n_items + items)
        for _ in range(ROUNDS):
            again = own.nonzero()[:, 0]
            if not len(again):
                break
            items[again] = self._uniform(len(again))
            own[again] = self.pairs.contain(users[again] * self.n_items + items[again])
        return items, own

    def _uniform(self, number: int) -> torch.Tensor:
        return torch.randint(self.n_items, (number,), generator=self.generator, device=self.users.device)


class _Pairs:
    """A set of sorted int64 keys that answers for many at once.

    A table of hashed keys rules most of them out, so that only a few need the slower search.
    """

    def __init__(self, keys: torch.Tensor) -> None:
        self.keys = keys
        self.bits = max(10, (16 * len(keys)).bit_length())
        self.table = torch.zeros(2**self.bits, dtype=torch.bool, device=keys.device)
        self.table[self._slots(keys)] = True

    def contain(self, keys: torch.Tensor) -> torch.Tensor:
        """Shapes: any int64 -> the same, bool."""
        found = self.table[self._slots(keys.view(-1))]
        likely = found.nonzero()[:, 0]
        wanted = keys.view(-1)[likely]
        place = torch.searchsorted(self.keys, wanted).clamp_(max=len(self.keys) - 1)
        found[likely] = self.keys[place] == wanted
        return found.view(keys.shape)

    def _slots(self, keys: torch.Tensor) -> torch.Tensor:
        """The upper bits of a product with an odd constant (Knuth's multiplicative hashing)."""
        return (keys * HASH >> (64 - self.bits)) & (2**self.bits - 1)
