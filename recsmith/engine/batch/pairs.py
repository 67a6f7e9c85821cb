"""Sets of pairs that answer for many at once."""

from __future__ import annotations

import torch

HASH = 0x9E3779B97F4A7C15 - 2**64
"""The golden ratio in 64 bits, signed."""


class Pairs:
    """The pairs of a graph, in ascending order.

    A table of hashed keys rules most others out, so that only a few need the slower search.
    """

    def __init__(self, users: torch.Tensor, items: torch.Tensor, n_items: int) -> None:
        self.n_items, self.keys = n_items, users * n_items + items
        keys = self.keys
        self.bits = max(10, (16 * len(keys)).bit_length())
        self.table = torch.zeros(2**self.bits, dtype=torch.bool, device=keys.device)
        self.table[self._slots(keys)] = True

    def contain(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Whether a user has an item; shapes: any two that go together, int64 -> what they make together, bool."""
        keys = users * self.n_items + items
        found = self.table[self._slots(keys.view(-1))]
        likely = found.nonzero()[:, 0]
        wanted = keys.view(-1)[likely]
        place = torch.searchsorted(self.keys, wanted).clamp_(max=len(self.keys) - 1)
        found[likely] = self.keys[place] == wanted
        return found.view(keys.shape)

    def _slots(self, keys: torch.Tensor) -> torch.Tensor:
        """The upper bits of a product with an odd constant (Knuth's multiplicative hashing)."""
        return (keys * HASH >> (64 - self.bits)) & (2**self.bits - 1)


def distinct(ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where each distinct id stands first, in ascending order of the ids, and the place in these of every id.

    Shapes: ids (B,) int64 -> (R,) int64 into B, (B,) int64 into R.
    """
    order = torch.argsort(ids, stable=True)
    ranked = ids[order]
    new = torch.ones_like(ranked, dtype=torch.bool)
    new[1:] = ranked[1:] != ranked[:-1]
    place = torch.empty_like(ids)
    place[order] = new.cumsum(0) - 1
    return order[new], place
