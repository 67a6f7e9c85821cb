"""Tables of vectors and sparse item-item rows, stored small and read as float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsmith.errors import UserError
from recsmith.serving.vector_table import VectorTable

PRECISIONS = ("float32", "float16", "int8")


@dataclass(frozen=True)
class Table(VectorTable):
    """Rows of numbers; int8 rows carry a scale each, ``row = values * scale``.

    Shapes: values (n, r) float32 | float16 | int8; scale (n,) float32 | float16 where values are int8, else None.
    Raises UserError on other types and on scales that are not positive and finite.
    """

    values: np.ndarray
    scale: np.ndarray | None = None

    def check(self) -> None:
        if self.values.ndim != 2:
            raise UserError(f"A table has two dimensions, this one has the shape {self.values.shape}.")
        check_numbers(self.values, self.scale, len(self.values))

    @property
    def shape(self) -> tuple[int, int]:
        return self.values.shape[0], self.values.shape[1]

    @property
    def precision(self) -> str:
        return self.values.dtype.name

    @property
    def nbytes(self) -> int:
        """Bytes of the values and the scales."""
        return self.values.nbytes + (0 if self.scale is None else self.scale.nbytes)

    def rows(self, index: np.ndarray | slice) -> np.ndarray:
        rows = self.values[index].astype(np.float32)
        return rows if self.scale is None else rows * self.scale[index, None].astype(np.float32)

    def take(self, index: np.ndarray) -> Table:
        return Table(self.values[index], None if self.scale is None else self.scale[index])

    def dot(self, queries: np.ndarray) -> np.ndarray:
        """As of any table; the scales come last, so that the product reads what is stored."""
        out = np.empty((len(queries), self.shape[0]), np.float32)
        for part in self.parts():
            np.matmul(queries, self.values[part].astype(np.float32, copy=False).T, out=out[:, part])
        if self.scale is not None:
            out *= self.scale
        return out


@dataclass(frozen=True)
class SparseTable:
    """Sparse rows (CSR); int8 data carry a scale for each row.

    Shapes: indptr (n + 1,) int, indices (E,) int column of each entry, data (E,) float32 | float16 | int8, scale (n,)
    float32 | float16 or None.
    """

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    n_columns: int
    scale: np.ndarray | None = None

    def __post_init__(self) -> None:
        check_numbers(self.data, self.scale, len(self.indptr) - 1)

    @property
    def n_rows(self) -> int:
        return len(self.indptr) - 1

    @property
    def precision(self) -> str:
        return self.data.dtype.name

    @property
    def nbytes(self) -> int:
        """Bytes of offsets, columns, data and scales."""
        scale = 0 if self.scale is None else self.scale.nbytes
        return self.indptr.nbytes + self.indices.nbytes + self.data.nbytes + scale

    def values(self) -> np.ndarray:
        """(E,) float32 data with the scales applied."""
        data = self.data.astype(np.float32)
        return data if self.scale is None else data * np.repeat(self.scale, np.diff(self.indptr))

    def gather(self, rows: np.ndarray, weights: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        """The entries of ``rows``, one row after another, times the weight of their row.

        Shapes: rows, weights (m,) -> length of each row (m,) int64, columns (e,), values (e,) float32.
        """
        start = self.indptr[rows].astype(np.int64)
        length = self.indptr[np.asarray(rows, np.int64) + 1].astype(np.int64) - start
        place = np.repeat(start - (np.cumsum(length) - length), length)
        place += np.arange(len(place))
        value = self.data[place].astype(np.float32)
        factors = [
            factor for factor in (weights, None if self.scale is None else self.scale[rows]) if factor is not None
        ]
        for factor in factors:
            value *= np.repeat(factor, length)
        return length, self.indices[place], value

    def product(self, indptr: np.ndarray, indices: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """Histories times this table; weights None for ones.

        Shapes: CSR histories (B + 1,), (H,), (H,) -> (B, n_columns) float32.
        """
        length, column, value = self.gather(indices, weights)
        query = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        cell = np.repeat(query * self.n_columns, length)
        cell += column
        size = (len(indptr) - 1) * self.n_columns
        return np.bincount(cell, value, minlength=size).astype(np.float32).reshape(-1, self.n_columns)


def check_numbers(values: np.ndarray, scale: np.ndarray | None, n_rows: int) -> None:
    """UserError where type, scale or values cannot be those of a table."""
    if values.dtype.name not in PRECISIONS:
        raise UserError(f"A table holds {', '.join(PRECISIONS)}, not {values.dtype.name}.")
    if (values.dtype == np.int8) != (scale is not None):
        raise UserError("int8 tables carry a scale for each row, and only they do.")
    if scale is not None:
        check_scales(scale, (n_rows,))
    if values.dtype != np.int8 and not np.isfinite(values).all():
        raise UserError("A table holds NaN or infinity; the model that it came from did not converge.")


def check_scales(scale: np.ndarray, shape: tuple[int, ...]) -> None:
    """UserError unless there is one for each row (or block of it), positive and finite."""
    if scale.shape != shape or not (np.isfinite(scale) & (scale > 0)).all():
        raise UserError("The scales of a table must be positive and finite, one for each row.")


def whole(numbers: np.ndarray) -> bool:
    """Whether they are whole numbers in a row."""
    return numbers.ndim == 1 and numbers.dtype.kind in "iu"


def index_type(largest: int) -> np.dtype:
    """The smallest unsigned type, of 2 or 4 bytes, that holds ``largest``; int64 beyond."""
    for name in ("uint16", "uint32"):
        if largest <= np.iinfo(name).max:
            return np.dtype(name)
    return np.dtype("int64")
