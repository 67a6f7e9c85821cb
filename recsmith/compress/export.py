"""An exact model in the form that serves, still in float32."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from scipy import sparse

from recsmith.compress.filter_rows import FilterRows
from recsmith.compress.low_rank import factors
from recsmith.config.compress import Export
from recsmith.errors import UserError
from recsmith.graph.graph import Graph
from recsmith.model.contract import FilterModel, Model, VectorModel
from recsmith.serving.model import ServingModel
from recsmith.serving.tables import SparseTable, Table, index_type


@runtime_checkable
class SparseFilter(Protocol):
    """A filter whose matrix is sparse already."""

    @property
    def popularity(self) -> np.ndarray:
        """(I,) float32."""
        ...

    @property
    def similarity(self) -> sparse.csr_matrix:
        """``P`` (I, I); a row for each item of a history."""
        ...


def export(model: Model, graph: Graph, params: Export, seed: int, memory_mb: int) -> ServingModel:
    """The fp32 form of a fitted model: exact for networks and sparse filters, low rank plus sparse for others.

    Raises UserError for a model of neither family.
    """
    if isinstance(model, VectorModel):
        return _two_towers(model, graph)
    if isinstance(model, SparseFilter):
        return ServingModel(_counts(model.popularity), sparse=_from_csr(model.similarity))
    if isinstance(model, FilterModel):
        return _filter(model, params, seed, memory_mb)
    raise UserError(f"{type(model).__name__} has neither vectors nor a filter matrix; it cannot be exported.")


def _two_towers(model: VectorModel, graph: Graph) -> ServingModel:
    """Vectors as they are; people without a history have none."""
    users, items = model.user_vectors.cpu().numpy(), model.item_vectors.cpu().numpy()
    return ServingModel(
        popularity=_counts(model.popularity),
        item_vectors=Table(np.array(items, np.float32)),
        user_vectors=Table(np.array(users[np.diff(graph.indptr) > 0], np.float32)),
    )


def _filter(model: FilterModel, params: Export, seed: int, memory_mb: int) -> ServingModel:
    """Low rank plus the largest entries of the rest; items weigh what their share of all histories is."""
    popularity, matrix = _counts(model.popularity), FilterRows(model, memory_mb)
    left, right = factors(matrix, params.rank, np.sqrt(popularity), seed)
    rest = _rest(matrix, left, right, params.top_k) if params.top_k else None
    return ServingModel(popularity, Table(right), Table(left), sparse=rest)


def _rest(matrix: FilterRows, left: np.ndarray, right: np.ndarray, k: int) -> SparseTable | None:
    """The ``k`` largest entries of each row of ``P - W V^T``; None where there are none.

    The diagonal is left out: it adds to the score of an item of the history, and these are never recommended.
    """
    width = min(k, matrix.n_items - 1)
    if width < 1:
        return None
    columns = np.zeros((matrix.n_items, width), np.int64)
    values = np.zeros((matrix.n_items, width), np.float32)
    for items, rows in matrix.blocks():
        rest = rows - left[items] @ right.T
        rest[np.arange(len(items)), items] = 0
        columns[items] = np.sort(np.argpartition(np.abs(rest), -width, axis=1)[:, -width:], axis=1)
        values[items] = np.take_along_axis(rest, columns[items], axis=1)
    return sparse_table(columns, values, matrix.n_items)


def sparse_table(columns: np.ndarray, values: np.ndarray, n_columns: int) -> SparseTable:
    """Rows of equal width as CSR without their zeros. Shapes: columns, values (n, k)."""
    kept = values != 0
    indptr = np.concatenate(([0], np.cumsum(kept.sum(axis=1))))
    return _table(indptr, columns[kept], values[kept], n_columns)


def _from_csr(matrix: sparse.csr_matrix) -> SparseTable:
    rows = sparse.csr_matrix(matrix, dtype=np.float32, copy=True)
    rows.eliminate_zeros()
    rows.sort_indices()
    return _table(rows.indptr, rows.indices, rows.data, len(rows.indptr) - 1)


def _table(indptr: np.ndarray, columns: np.ndarray, values: np.ndarray, n_columns: int) -> SparseTable:
    """CSR with the smallest types of offsets and columns."""
    offsets, places = indptr.astype(index_type(int(indptr[-1]))), columns.astype(index_type(n_columns))
    return SparseTable(offsets, places, np.asarray(values, np.float32), n_columns)


def _counts(popularity: np.ndarray) -> np.ndarray:
    return np.array(popularity, np.float32)
