"""The matrix of an item filter, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from recsmith.model.contract import FilterModel

BLOCK = 1024
COPIES = 5
"""Arrays of the size of a block that are alive at once."""


class FilterRows:
    """Rows of ``P`` for the items that somebody touched; others have none. Kept where a third of memory holds them."""

    def __init__(self, model: FilterModel, memory_mb: int) -> None:
        self.model, self.budget = model, memory_mb * 2**20
        self.touched = np.flatnonzero(np.asarray(model.popularity) > 0)

    @property
    def n_items(self) -> int:
        return self.model.n_items

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Items (B,) ascending, and their rows (B, I) float32."""
        step = int(np.clip(self.budget // (4 * COPIES * max(1, self.n_items)), 1, BLOCK))
        for start in range(0, len(self.touched), step):
            items = self.touched[start : start + step]
            yield items, self.model.rows(items) if self._kept is None else self._kept[start : start + step]

    def times(self, vectors: np.ndarray) -> np.ndarray:
        """``P vectors``. Shapes: vectors (I, r) -> (I, r) float32."""
        return self.model.times(vectors)

    def left(self, vectors: np.ndarray) -> np.ndarray:
        """``vectors P``. Shapes: vectors (r, I) -> (r, I) float32."""
        return self.model.apply(vectors)

    @cached_property
    def _kept(self) -> np.ndarray | None:
        if 4 * len(self.touched) * self.n_items > self.budget // 3:
            return None
        rows = np.empty((len(self.touched), self.n_items), np.float32)
        for start in range(0, len(self.touched), BLOCK):
            rows[start : start + BLOCK] = self.model.rows(self.touched[start : start + BLOCK])
        return rows
