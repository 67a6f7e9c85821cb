"""Item-item tables and histories as matrices of SciPy, and back."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from recsmith.serving.model import Batch
from recsmith.serving.tables import SparseTable, index_type


def matrix_of(table: SparseTable) -> sparse.csr_matrix:
    """(n, m) float32 with the scales applied."""
    parts = (table.values(), table.indices.astype(np.int64), table.indptr.astype(np.int64))
    return sparse.csr_matrix(parts, (table.n_rows, table.n_columns))


def table_of(matrix: sparse.csr_matrix) -> SparseTable:
    """The entries (I, I) in float32 and the smallest types of offsets and columns; rows are put in order in place."""
    rows = sparse.csr_matrix(matrix, dtype=np.float32)
    rows.sort_indices()
    n_items = len(rows.indptr) - 1
    offsets, columns = rows.indptr.astype(index_type(rows.indptr[-1])), rows.indices.astype(index_type(n_items))
    return SparseTable(offsets, columns, rows.data, n_items)


def touched(histories: Batch, n_items: int) -> sparse.csr_matrix:
    """(B, I) float32 with 1 where an item is in a history."""
    ones = np.ones(len(histories.indices), np.float32)
    return sparse.csr_matrix((ones, histories.indices, histories.indptr), shape=(len(histories), n_items))
