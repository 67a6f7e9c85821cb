"""Rows and columns of new items in an item-item table, by who touched them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from recsmith.compress.quantised import quantise_sparse
from recsmith.serving.model import Batch
from recsmith.serving.tables import SparseTable, index_type

MEASURED = 2000
"""Items, evenly spaced, whose entries say how cosines become entries."""


@dataclass(frozen=True)
class Seen:
    """Histories (U) over ``count`` items, and what they say of each item."""

    histories: Batch
    count: int

    @cached_property
    def counts(self) -> np.ndarray:
        """(count,) int64 people of each item."""
        return np.bincount(self.histories.indices, minlength=self.count)

    @property
    def root(self) -> np.ndarray:
        """(count,) float64 root of how many they are; 1 where nobody is."""
        return np.sqrt(np.maximum(self.counts, 1))

    def sums(self, people: np.ndarray) -> np.ndarray:
        """What the people of each item have, added up. Shapes: people (U, r) -> (count, r) float64."""
        items, rows = self.histories.indices, self.histories.rows
        return np.stack([np.bincount(items, column[rows], self.count) for column in people.T], axis=1)

    def scaled(self, sums: np.ndarray) -> np.ndarray:
        """Sums over people by the root of how many they are. Shapes: (count, r) -> (count, r) float32."""
        return (sums / self.root[:, None]).astype(np.float32)

    @cached_property
    def people(self) -> list[np.ndarray]:
        """The people (n,) of each item."""
        order = np.argsort(self.histories.indices, kind="stable")
        return np.split(self.histories.rows[order], np.cumsum(self.counts)[:-1])

    @cached_property
    def table(self) -> SparseTable:
        """(U, count) with 1 where somebody touched an item."""
        ones = np.ones(len(self.histories.indices), np.float32)
        return SparseTable(self.histories.indptr, self.histories.indices, ones, self.count)

    def together(self, people: np.ndarray) -> np.ndarray:
        """How many of some people touched each item. Shapes: people (n,) -> (count,) float32."""
        return self.table.product(np.array([0, len(people)]), people, None)[0]


def extended_entries(table: SparseTable, known: Seen, fresh: Seen) -> SparseTable:
    """``table`` with rows and columns of the new items: what stands together, in the measure of the known entries."""
    rows, columns, values = np.repeat(np.arange(known.count), np.diff(table.indptr)), table.indices, table.values()
    factor = _measure(table, values, known)
    sides = [_side(people, known, root) for people, root in zip(fresh.people, fresh.root, strict=True)]
    old = np.concatenate([items for items, _ in sides])
    new = np.repeat(known.count + np.arange(fresh.count), [len(items) for items, _ in sides])
    side = factor * np.concatenate([cosines for _, cosines in sides])
    return _stored(
        np.concatenate((rows, old, new)),
        np.concatenate((columns, new, old)),
        np.concatenate((values, side, side)),
        table,
    )


def widened(table: SparseTable, count: int) -> SparseTable:
    """The same entries with empty rows and columns for new items, whose vectors say all."""
    end = np.full(count, table.indptr[-1], table.indptr.dtype)
    scale = None if table.scale is None else np.concatenate((table.scale, np.ones(count, table.scale.dtype)))
    return SparseTable(np.concatenate((table.indptr, end)), table.indices, table.data, table.n_columns + count, scale)


def _side(people: np.ndarray, known: Seen, root: float) -> tuple[np.ndarray, np.ndarray]:
    """Items (e,) that a new item stands together with, and the cosine (e,) of each."""
    both = known.together(people)
    items = np.flatnonzero(both)
    return items, both[items] / (known.root[items] * root)


def _measure(table: SparseTable, values: np.ndarray, known: Seen) -> float:
    """What a cosine is to be multiplied by to be nearest, in least squares, to the entries that a table holds."""
    above = below = 0.0
    for item in range(0, known.count, -(-known.count // MEASURED)):
        own = slice(int(table.indptr[item]), int(table.indptr[item + 1]))
        held, columns = values[own][values[own] != 0], table.indices[own][values[own] != 0]
        cosines = known.together(known.people[item])[columns] / (known.root[columns] * known.root[item])
        above, below = above + float(held @ cosines), below + float(cosines @ cosines)
    return above / max(below, 1e-30)


def _stored(rows: np.ndarray, columns: np.ndarray, values: np.ndarray, like: SparseTable) -> SparseTable:
    """Entries in the order of rows and columns, in the types of another table."""
    order, count = np.lexsort((columns, rows)), int(max(rows.max(), columns.max())) + 1
    ends = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=count))))
    plain = SparseTable(
        ends.astype(index_type(len(rows))),
        columns[order].astype(index_type(count)),
        values[order].astype(np.float32),
        count,
    )
    if like.scale is None:
        return replace(plain, data=plain.data.astype(like.data.dtype))
    small = quantise_sparse(plain)
    assert small is not None
    return small
