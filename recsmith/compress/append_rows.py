"""More rows for a table, stored as it is: the levels and books that it has are kept."""

from __future__ import annotations

import numpy as np

from recsmith.compress.quantised import quantise
from recsmith.serving.packed import PackedTable, pack
from recsmith.serving.product import ProductTable
from recsmith.serving.reranked import RerankedTable
from recsmith.serving.tables import Table
from recsmith.serving.vector_table import VectorTable

ROUNDS = 8
"""Of nearest levels and the scale of least squares, by turns."""
TINY = np.finfo(np.float64).tiny


def appended(table: VectorTable, rows: np.ndarray) -> VectorTable:
    """``table`` with ``rows`` (m, r) float32 at its end; TypeError for a form that takes none."""
    if isinstance(table, Table):
        return _numbers(table, rows)
    if isinstance(table, PackedTable):
        return _packed(table, rows)
    if isinstance(table, ProductTable):
        return _words(table, rows)
    if isinstance(table, RerankedTable):
        return RerankedTable(_packed(table.scanned, rows), appended(table.exact, rows), table.count)
    raise TypeError(f"{type(table).__name__} takes no new rows; tell {__name__} how.")


def scales_like(known: np.ndarray, new: np.ndarray) -> np.ndarray:
    """``known`` scales and ``new`` ones, which are kept positive and finite in the type of the known."""
    limits = np.finfo(known.dtype)
    return np.concatenate((known, np.clip(new, limits.smallest_normal, limits.max).astype(known.dtype)))


def _numbers(table: Table, rows: np.ndarray) -> Table:
    if table.scale is None:
        return Table(np.concatenate((table.values, rows.astype(table.values.dtype))))
    small = quantise(rows)
    assert small.scale is not None
    return Table(np.concatenate((table.values, small.values)), scales_like(table.scale, small.scale))


def _packed(table: PackedTable, rows: np.ndarray) -> PackedTable:
    rows, levels = rows.astype(np.float64), np.sort(table.levels.astype(np.float64))
    place_of = np.argsort(table.levels, kind="stable")
    starts = np.arange(0, table.columns, table.width)
    size = np.sqrt(np.add.reduceat(np.square(rows), starts, axis=1))
    near = np.full_like(rows, np.sqrt(np.mean(levels**2)))
    scale = size / np.sqrt(np.add.reduceat(np.square(near), starts, axis=1))
    places = np.zeros(rows.shape, np.int64)
    for _ in range(ROUNDS):
        spread = np.repeat(np.maximum(scale, TINY), table.width, axis=1)[:, : table.columns]
        places = np.searchsorted((levels[1:] + levels[:-1]) / 2, rows / spread)
        near = levels[places]
        fit = np.add.reduceat(rows * near, starts, axis=1)
        scale = fit / np.maximum(np.add.reduceat(near * near, starts, axis=1), TINY)
    codes = np.concatenate((table.codes, pack(place_of[places], table.bits)))
    return PackedTable(codes, table.levels, scales_like(table.scale, scale), table.columns)


def _words(table: ProductTable, rows: np.ndarray) -> ProductTable:
    books = table.books.astype(np.float32)
    padded = np.pad(rows, ((0, 0), (0, books.shape[0] * books.shape[2] - table.columns)))
    parts = padded.reshape(len(rows), books.shape[0], books.shape[2])
    far = (books**2).sum(axis=2)[None] - 2 * np.einsum("mpd,pwd->mpw", parts, books)
    codes = np.concatenate((table.codes, far.argmin(axis=2).astype(np.uint8)))
    scale = None if table.scale is None else scales_like(table.scale, np.ones(len(rows)))
    return ProductTable(codes, table.books, table.columns, scale)
