"""What every stored form of a table of vectors answers, so that models need not know how small it lies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

BLOCK = 1 << 18
"""Values that are widened to float32 at a time: a megabyte stays in the cache."""

COUNT = 4
"""Bytes of a count that lies beside a table: of its columns, of the items that are scored again."""


class VectorTable(ABC):
    """Rows of numbers, stored small and read as float32; checked when it is made."""

    def __post_init__(self) -> None:
        self.check()

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """Rows and columns ``(n, r)`` as they are read."""

    @property
    @abstractmethod
    def precision(self) -> str:
        """The word for how it is stored."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes of all that is stored for this table."""

    @abstractmethod
    def rows(self, index: np.ndarray | slice) -> np.ndarray:
        """The rows asked for as float32. Shapes: index (m,) -> (m, r)."""

    @abstractmethod
    def take(self, index: np.ndarray) -> VectorTable:
        """A table of the rows asked for, stored as this one. Shapes: index (m,) -> (m, r)."""

    @abstractmethod
    def check(self) -> None:
        """UserError where parts do not fit together or hold what cannot be: NaN, a scale that is not positive."""

    def dequantised(self) -> np.ndarray:
        """The whole table (n, r) float32."""
        return self.rows(slice(None))

    def parts(self) -> Iterator[slice]:
        """Runs of rows of about ``BLOCK`` numbers."""
        step = max(1, BLOCK // max(1, self.shape[1]))
        return (slice(start, min(start + step, self.shape[0])) for start in range(0, self.shape[0], step))

    def dot(self, queries: np.ndarray) -> np.ndarray:
        """Products of queries with every row. Shapes: queries (B, r) float32 -> (B, n) float32."""
        out = np.empty((len(queries), self.shape[0]), np.float32)
        for part in self.parts():
            np.matmul(queries, self.rows(part).T, out=out[:, part])
        return out

    def combined(self, indptr: np.ndarray, index: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Weighted sums of rows, one for each run of them; zeros for empty ones.

        Shapes: CSR indptr (B + 1,), index (H,) int, weights (H,) float32 -> (B, r) float32.
        """
        rows, ends = self.rows(index), indptr.tolist()
        out = np.empty((len(ends) - 1, self.shape[1]), np.float32)
        # One product a run: numpy's sums over runs of rows (reduceat) take ten times as long.
        for run in range(len(out)):
            out[run] = weights[ends[run] : ends[run + 1]] @ rows[ends[run] : ends[run + 1]]
        return out

    def gram(self) -> np.ndarray:
        """``T^T T`` (r, r) float64."""
        total = np.zeros((self.shape[1], self.shape[1]))
        for part in self.parts():
            rows = self.rows(part)
            total += rows.T @ rows
        return total


def row_lengths(rows: np.ndarray) -> np.ndarray:
    """In float64: squares of numbers beyond 1e19 are infinite in float32. Shapes: (n, r) -> (n,)."""
    return np.sqrt(np.einsum("nr,nr->n", rows, rows, dtype=np.float64))
