"""The entries of an item filter that its low rank misses most, found in one pass over its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recsmith.compress.filter_rows import FilterRows


@dataclass(frozen=True)
class _Entries:
    """Shapes: row, column (E,) int32, value, worth (E,) float32."""

    row: np.ndarray
    column: np.ndarray
    value: np.ndarray
    worth: np.ndarray

    def best(self, count: int) -> _Entries:
        """The ``count`` entries of the greatest worth, in their order; of equals the earlier."""
        if len(self.worth) <= count:
            return self
        border = np.partition(self.worth, -count)[-count]
        kept = self.worth > border
        equal = np.flatnonzero(self.worth == border)[: count - int(kept.sum())]
        kept[equal] = True
        return self.take(np.flatnonzero(kept))

    def take(self, places: np.ndarray) -> _Entries:
        return _Entries(self.row[places], self.column[places], self.value[places], self.worth[places])

    def and_(self, other: _Entries) -> _Entries:
        pairs = ((getattr(self, name), getattr(other, name)) for name in ("row", "column", "value", "worth"))
        return _Entries(*(np.concatenate(pair) for pair in pairs))


Low = tuple[np.ndarray, np.ndarray]
_NONE = _Entries(*(np.zeros(0, dtype) for dtype in (np.int32, np.int32, np.float32, np.float32)))


@dataclass(frozen=True)
class Wanted:
    """The ``count`` largest entries of ``P - W V^T`` with ``low = W, V`` (I, r); of ``P`` where low is None."""

    low: Low | None
    count: int


def largest(matrix: FilterRows, wanted: Sequence[Wanted], weight: np.ndarray) -> list[sparse.csr_matrix]:
    """For each of ``wanted`` the entries with the greatest ``weight[row] * |value|``, all in one pass over the rows.

    The diagonal is left out: it adds to the score of an item of the history, and these are never recommended.
    Shapes: weight (I,) -> (I, I) sparse each.
    """
    found = [_NONE] * len(wanted)
    for items, rows in matrix.blocks() if wanted else ():
        pairs = zip(found, wanted, strict=True)
        found = [_with_block(entries, one, items, rows, weight[items]) for entries, one in pairs]
    shape = (matrix.n_items, matrix.n_items)
    return [sparse.csr_matrix((one.value, (one.row, one.column)), shape=shape) for one in found]


def _with_block(found: _Entries, wanted: Wanted, items: np.ndarray, rows: np.ndarray, weight: np.ndarray) -> _Entries:
    """The best of what was found and of a block. Shapes: items, weight (B,), rows (B, I)."""
    low, count = wanted.low, wanted.count
    rest = rows.copy() if low is None else rows - low[0][items] @ low[1].T
    rest[np.arange(len(items)), items] = 0
    border = found.worth.min(initial=np.inf) if len(found.worth) >= count else 0.0
    return found.and_(_above(items, rest, weight, border).best(count)).best(count)


def _above(items: np.ndarray, rest: np.ndarray, weight: np.ndarray, border: float) -> _Entries:
    """Entries of a block that are worth more than ``border``. Shapes: items, weight (B,), rest (B, I)."""
    worth = np.abs(rest)
    worth *= weight[:, None]
    place = np.flatnonzero(worth > border)
    row, column = np.divmod(place, rest.shape[1])
    return _Entries(items[row].astype(np.int32), column.astype(np.int32), rest.ravel()[place], worth.ravel()[place])
