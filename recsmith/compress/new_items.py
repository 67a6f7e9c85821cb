"""Items that a model does not know, from their first interactions, without training it again.

How an item's vectors follow from the people who touched it is read off the items that the model knows: a ridge map from
``sum of their vectors / sqrt(their number)``, as a normalised graph adds them up, to the vectors of the item.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from recsmith.compress.append_rows import appended, scales_like
from recsmith.compress.csr import matrix_of, table_of, touched
from recsmith.compress.quantised import quantise_sparse
from recsmith.serving.model import Batch, ServingModel
from recsmith.serving.tables import SparseTable
from recsmith.serving.tied import TiedTable
from recsmith.serving.vector_table import VectorTable

RIDGE = 0.01
"""Times the mean square of a column."""


@dataclass(frozen=True)
class Arrivals:
    """Who touched new items. Shapes: users (m,) int row of a person, items (m,) int number of a new item from 0."""

    users: np.ndarray
    items: np.ndarray
    count: int

    def matrix(self, n_users: int) -> sparse.csr_matrix:
        """(U, count) float32 with 1 where somebody touched one."""
        ones = np.ones(len(self.users), np.float32)
        found = sparse.csr_matrix((ones, (self.users, self.items)), shape=(n_users, self.count))
        found.data[:] = 1
        return found


def extended(model: ServingModel, histories: Batch, new: Arrivals) -> tuple[ServingModel, Batch]:
    """``model`` and everybody's histories with the new items after the known ones.

    Shapes: histories (U) over the I known items -> a model of I + new.count items.
    """
    known = touched(histories, model.n_items)
    more = new.matrix(len(histories))
    counts, arrived = np.asarray(known.sum(axis=0)).ravel(), np.asarray(more.sum(axis=0)).ravel()
    popularity, table = _popularity(model.popularity, counts, arrived), model.sparse
    items, projection = (None, None) if model.item_vectors is None else _vectors(model, histories, known, more)
    if table is not None:
        table = _entries(table, known, more) if items is None else _widened(table, new.count)
    changed = replace(model, popularity=popularity, item_vectors=items, projection=projection, sparse=table)
    return changed, joined(histories, more, model.n_items, model.fold_in.recency)


def joined(histories: Batch, more: sparse.csr_matrix, n_items: int, recency: float) -> Batch:
    """Histories with what came last at their ends; where they fade, all that was there fades further."""
    lengths, extra = np.diff(histories.indptr), np.diff(more.indptr)
    indptr = np.concatenate(([0], np.cumsum(lengths + extra)))
    old = np.arange(len(histories.indices)) + np.repeat(indptr[:-1] - histories.indptr[:-1], lengths)
    late = np.arange(more.nnz) + np.repeat(indptr[:-1] + lengths - more.indptr[:-1], extra)
    indices, weights = np.empty(indptr[-1], np.int32), np.ones(indptr[-1], np.float32)
    indices[old], indices[late] = histories.indices, more.indices + n_items
    weights[old] = histories.values
    if recency:
        weights[old] = (weights[old] ** (-1 / recency) + np.repeat(extra, lengths)) ** -recency
    assert histories.users is not None
    plain = histories.weights is None and not recency
    return Batch(indptr, indices, None if plain else weights, histories.users)


def _popularity(known: np.ndarray, counts: np.ndarray, arrived: np.ndarray) -> np.ndarray:
    """The new items take what the known item of the nearest count from below has."""
    order = np.argsort(counts, kind="stable")
    place = np.searchsorted(counts[order], arrived, side="right") - 1
    return np.concatenate((known, known[order][np.maximum(place, 0)]))


def _vectors(
    model: ServingModel, histories: Batch, known: sparse.csr_matrix, more: sparse.csr_matrix
) -> tuple[VectorTable, VectorTable | None]:
    assert model.item_vectors is not None
    people, vectors = model.vectors(histories), model.item_vectors.dequantised()
    sums = known.T @ people
    if model.projection is not None:
        # What an item itself added to its people is not there while it is new.
        own = np.asarray(known.sum(axis=0)).T * model.projection.dequantised()
        sums[:, : model.projected] -= own
    seen = _scaled(sums, known)
    found = _scaled(more.T @ people, more)
    heard = np.asarray(known.sum(axis=0)).ravel() > 0
    items = appended(model.item_vectors, found @ _ridge(seen[heard], vectors[heard]))
    if model.projection is None:
        return items, None
    folded = found @ _ridge(seen[heard], model.projection.dequantised()[heard])
    return items, _projection(model.projection, items, folded)


def _projection(table: VectorTable, items: VectorTable, rows: np.ndarray) -> VectorTable:
    if not isinstance(table, TiedTable):
        return appended(table, rows)
    base = items.rows(np.arange(table.shape[0], items.shape[0])) * table.columns
    scale = (base * rows).sum(axis=1) / np.maximum((base**2).sum(axis=1), 1e-30)
    return TiedTable(items, scales_like(table.scale, np.maximum(scale, table.scale.min())), table.columns)


def _scaled(sums: np.ndarray, people: sparse.csr_matrix) -> np.ndarray:
    """Sums over people by the root of how many they are. Shapes: sums (n, r), people (U, n)."""
    count = np.asarray(people.sum(axis=0)).T
    return (sums / np.sqrt(np.maximum(count, 1))).astype(np.float32)


def _ridge(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """``A`` with ``given A`` near ``wanted``. Shapes: (n, r), (n, p) -> (r, p) float32."""
    left = given.T.astype(np.float64) @ given
    left += (RIDGE * np.trace(left) / len(left) + 1e-12) * np.eye(len(left))
    return np.linalg.solve(left, given.T.astype(np.float64) @ wanted).astype(np.float32)


def _entries(table: SparseTable, known: sparse.csr_matrix, more: sparse.csr_matrix) -> SparseTable:
    """Rows and columns of new items: what stands together, in the measure that fits the known entries best."""
    size = np.sqrt(np.maximum(np.asarray(known.sum(axis=0)).ravel(), 1)).astype(np.float32)
    fresh = np.sqrt(np.maximum(np.asarray(more.sum(axis=0)).ravel(), 1)).astype(np.float32)
    old = matrix_of(table)
    cosine = sparse.diags(1 / size) @ sparse.csr_matrix(known.T @ known) @ sparse.diags(1 / size)
    near = sparse.csr_matrix(cosine).multiply(old != 0).tocsr()
    factor = old.multiply(near).sum() / max(near.power(2).sum(), 1e-30)
    side = factor * (sparse.diags(1 / size) @ sparse.csr_matrix(known.T @ more) @ sparse.diags(1 / fresh))
    whole = sparse.csr_matrix(sparse.bmat([[old, side], [side.T, None]], format="csr"), dtype=np.float32)
    return _stored(whole, table)


def _widened(table: SparseTable, count: int) -> SparseTable:
    """The same entries with empty rows and columns for new items, whose vectors say all."""
    end = np.full(count, table.indptr[-1], table.indptr.dtype)
    scale = None if table.scale is None else np.concatenate((table.scale, np.ones(count, table.scale.dtype)))
    return SparseTable(np.concatenate((table.indptr, end)), table.indices, table.data, table.n_columns + count, scale)


def _stored(matrix: sparse.csr_matrix, like: SparseTable) -> SparseTable:
    plain = table_of(matrix)
    if like.scale is None:
        return replace(plain, data=plain.data.astype(like.data.dtype))
    small = quantise_sparse(plain)
    assert small is not None
    return small
