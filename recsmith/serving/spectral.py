"""Vectors for a model that is a sparse item-item table alone: its best low rank, found with numpy."""

from __future__ import annotations

import numpy as np

from recsmith.serving.tables import SparseTable

RANK = 64
OVERSAMPLING = 8
ITERATIONS = 4
SEED = 7
BLOCK = 1 << 21
"""Numbers that are gathered at a time."""


def vectors(table: SparseTable, rank: int = RANK) -> np.ndarray:
    """Rows whose inner products are the best of ``rank`` numbers for those of the table's rows.

    Halko, Martinsson, Tropp 2011, algorithm 4.4: ``S ~ U s Z^T``, of which this is ``U s``. Seeded.
    Shapes: table (n, m) -> (n, min(rank, n, m)) float32.
    """
    turned = transposed(table)
    width = min(rank + OVERSAMPLING, table.n_rows, table.n_columns)
    basis = np.random.default_rng(SEED).standard_normal((table.n_columns, width)).astype(np.float32)
    for _ in range(ITERATIONS):
        left = np.linalg.qr(times(table, basis))[0]
        basis = np.linalg.qr(times(turned, left))[0]
    left, values, _ = np.linalg.svd(times(table, basis), full_matrices=False)
    kept = min(rank, width)
    return (left[:, :kept] * values[:kept]).astype(np.float32)


def times(table: SparseTable, dense: np.ndarray) -> np.ndarray:
    """The table times a dense matrix. Shapes: table (n, m), dense (m, r) float32 -> (n, r) float32."""
    out = np.zeros((table.n_rows, dense.shape[1]), np.float32)
    step = max(1, BLOCK * table.n_rows // (dense.shape[1] * max(1, len(table.data))))
    for start in range(0, table.n_rows, step):
        rows = np.arange(start, min(start + step, table.n_rows))
        length, column, value = table.gather(rows)
        filled = np.flatnonzero(length)
        if len(filled):
            first = (np.cumsum(length) - length)[filled]
            out[rows[filled]] = np.add.reduceat(dense[column] * value[:, None], first, axis=0)
    return out


def transposed(table: SparseTable) -> SparseTable:
    """The same entries by column, in float32."""
    order = np.argsort(table.indices, kind="stable")
    indptr = np.concatenate(([0], np.cumsum(np.bincount(table.indices, minlength=table.n_columns))))
    rows = np.repeat(np.arange(table.n_rows), np.diff(table.indptr))
    return SparseTable(indptr, rows[order], table.values()[order], table.n_rows)
