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

    Shapes: base ``V`` (n, r); scale (n,) float16 | float32, positive; columns (r,) float32.
    Raises UserError where the parts do not fit together.
    """

    base: VectorTable
    scale: np.ndarray
    columns: np.ndarray

    def check(self) -> None:
        check_scales(self.scale, (self.base.shape[0],))
        if self.columns.shape != (self.base.shape[1],) or not np.isfinite(self.columns).all():
            raise UserError(f"A tied table of {self.base.shape[1]} columns has one finite factor for each.")

    @property
    def shape(self) -> tuple[int, int]:
        return self.base.shape

    @property
    def precision(self) -> str:
        return "tied"

    @property
    def nbytes(self) -> int:
        """Bytes beside those of the base."""
        return self.scale.nbytes + self.columns.nbytes

    def rows(self, index: np.ndarray | slice) -> np.ndarray:
        return self.base.rows(index) * self.columns * self.scale[index, None].astype(np.float32)

    def combined(self, indptr: np.ndarray, index: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return self.base.combined(indptr, index, weights * self.scale[index].astype(np.float32)) * self.columns

    def take(self, index: np.ndarray) -> TiedTable:
        return TiedTable(self.base.take(index), self.scale[index], self.columns)

    def on(self, base: VectorTable) -> TiedTable:
        """The same tie to other item vectors of the same shape."""
        return TiedTable(base, self.scale, self.columns)
