"""Product-quantised tables (Jegou, Douze, Schmid 2011): a row is a word from each of a few small books."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsmith.errors import UserError
from recsmith.serving.tables import check_scales
from recsmith.serving.vector_table import COUNT, VectorTable


@dataclass(frozen=True)
class ProductTable(VectorTable):
    """``row = scale * [books[0, codes[0]], ..., books[m - 1, codes[m - 1]]]``, of which the first ``columns`` count.

    Shapes: codes (n, m) uint8; books (m, at most 256, d) float16 | float32; columns ``r``, at most m d; scale (n,)
    float16 | float32 or None. Raises UserError where the parts do not fit together.
    """

    codes: np.ndarray
    books: np.ndarray
    columns: int
    scale: np.ndarray | None = None

    def check(self) -> None:
        if self.books.ndim != 3 or self.codes.dtype != np.uint8 or self.codes.shape[1:] != self.books.shape[:1]:
            raise UserError(
                f"Codes of shape {self.codes.shape} ({self.codes.dtype}) do not fit books of {self.books.shape}."
            )
        if not 0 <= self.columns <= self.books.shape[0] * self.books.shape[2]:
            raise UserError(f"Books of {self.books.shape} do not hold {self.columns} columns.")
        if not np.isfinite(self.books).all():
            raise UserError("The books of a table hold NaN or infinity; what they were made of did not converge.")
        if self.codes.size and self.codes.max() >= self.books.shape[1]:
            raise UserError(f"A code names a word beyond the {self.books.shape[1]} of its book.")
        if self.scale is not None:
            check_scales(self.scale, (len(self.codes),))

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.codes), self.columns

    @property
    def precision(self) -> str:
        return "product"

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes + self.books.nbytes + COUNT + (0 if self.scale is None else self.scale.nbytes)

    def rows(self, index: np.ndarray | slice) -> np.ndarray:
        codes = self.codes[index]
        words = self.books[np.arange(codes.shape[1]), codes].astype(np.float32)
        rows = words.reshape(len(codes), words.shape[1] * words.shape[2])[:, : self.columns]
        return rows if self.scale is None else rows * self.scale[index, None].astype(np.float32)

    def take(self, index: np.ndarray) -> ProductTable:
        return ProductTable(
            self.codes[index], self.books, self.columns, None if self.scale is None else self.scale[index]
        )
