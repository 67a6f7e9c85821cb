"""A projection that is read off the item vectors: where a filter is symmetric but for a factor an item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsmith.errors import UserError
from recsmith.serving.tables import check_scales
from recsmith.serving.vector_table import VectorTable


@dataclass(frozen=True)
class TiedTable(VectorTable):
    """``W = diag(scale) V diag(columns)``: one number a row is stored beside ``V``, which is counted where it lies.

    Of the first columns of ``V`` where ``columns`` are fewer than its own: the others are no part of a projection.
    Shapes: base ``V`` (n, r); scale (n,) float16 | float32, positive; columns (p,) float32, p at most r.
    Raises UserError where the parts do not fit together.
    """

    base: VectorTable
    scale: np.ndarray
    columns: np.ndarray

    def check(self) -> None:
        check_scales(self.scale, (self.base.shape[0],))
        fits = self.columns.ndim == 1 and 0 < len(self.columns) <= self.base.shape[1]
        if not fits or not np.isfinite(self.columns).all():
            raise UserError(f"A table tied to {self.base.shape[1]} columns has a finite factor for each or the first.")

    @property
    def shape(self) -> tuple[int, int]:
        return self.base.shape[0], len(self.columns)

    @property
    def precision(self) -> str:
        return "tied"

    @property
    def nbytes(self) -> int:
        """Bytes beside those of the base."""
        return self.scale.nbytes + self.columns.nbytes

    def rows(self, index: np.ndarray | slice) -> np.ndarray:
        rows = self.base.rows(index)[:, : len(self.columns)]
        return rows * self.columns * self.scale[index, None].astype(np.float32)

    def combined(self, indptr: np.ndarray, index: np.ndarray, weights: np.ndarray) -> np.ndarray:
        sums = self.base.combined(indptr, index, weights * self.scale[index].astype(np.float32))
        return sums[:, : len(self.columns)] * self.columns

    def take(self, index: np.ndarray) -> TiedTable:
        return TiedTable(self.base.take(index), self.scale[index], self.columns)

    def on(self, base: VectorTable) -> TiedTable:
        """The same tie to other item vectors of the same shape."""
        return TiedTable(base, self.scale, self.columns)
