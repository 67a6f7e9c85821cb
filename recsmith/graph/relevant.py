"""What each user is expected to like: the pairs of valid or test in the graph's numbering."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsmith.errors import UserError


@dataclass(frozen=True)
class Relevant:
    """Pairs to be found, items sorted in each row.

    Shapes:
        indptr (U + 1,) int64, indices (P,) int32: known items of each user.
        cold (U,) int32: each user's items that the catalogue does not know; they count as misses.
    """

    indptr: np.ndarray
    indices: np.ndarray
    cold: np.ndarray

    @property
    def n_relevant(self) -> np.ndarray:
        """(U,) int64: items that each user is expected to like, cold ones included."""
        return np.diff(self.indptr) + self.cold

    @property
    def users(self) -> np.ndarray:
        """Users with at least one item: those that metrics average over."""
        return np.flatnonzero(self.n_relevant)

    def save(self, folder: Path | str) -> None:
        """Write one ``.npy`` an array into ``folder``."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name in ("indptr", "indices", "cold"):
            np.save(Path(folder) / f"{name}.npy", getattr(self, name))

    @classmethod
    def load(cls, folder: Path | str) -> Relevant:
        """Open memory-mapped; UserError where it cannot be read."""
        try:
            names = ("indptr", "indices", "cold")
            return cls(*(np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in names))
        except (OSError, ValueError) as error:
            raise UserError(f"{folder} holds no pairs that can be read: {error}.") from error


def from_pairs(users: np.ndarray, items: np.ndarray, n_users: int, n_items: int) -> Relevant:
    """Build from pair lists; items below 0 or from ``n_items`` on are cold; doubled pairs count once.

    Shapes: users, items (P,) int; cold items of one user must have different numbers to count apart.
    """
    users, items = np.asarray(users, np.int64), np.asarray(items, np.int64)
    low = items.min(initial=0)
    span = items.max(initial=0) - low + 1
    keys = np.unique(users * span + (items - low))
    user, item = keys // span, keys % span + low
    known = (item >= 0) & (item < n_items)
    indptr = np.concatenate(([0], np.cumsum(np.bincount(user[known], minlength=n_users)))).astype(np.int64)
    cold = np.bincount(user[~known], minlength=n_users).astype(np.int32)
    return Relevant(indptr, item[known].astype(np.int32), cold)
