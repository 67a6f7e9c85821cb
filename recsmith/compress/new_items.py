"""Items that a model does not know, from their first interactions, without training it again.

How an item's vectors follow from the people who touched it is read off the items that the model knows: a ridge map from
``sum of their vectors / sqrt(their number)``, as a normalised graph adds them up, to the vectors of the item.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recsmith.compress.append_rows import appended, scales_like
from recsmith.compress.new_entries import Seen, extended_entries, widened
from recsmith.serving.model import Batch, ServingModel
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

    def batch(self, n_users: int) -> Batch:
        """What each of (U) people touched of them, each item once."""
        pairs = np.unique(np.asarray(self.users, np.int64) * self.count + self.items)
        ends = np.cumsum(np.bincount(pairs // self.count, minlength=n_users))
        return Batch(np.concatenate(([0], ends)), pairs % self.count)


def extended(model: ServingModel, histories: Batch, new: Arrivals) -> tuple[ServingModel, Batch]:
    """``model`` and everybody's histories with the new items after the known ones.

    Shapes: histories (U) over the I known items -> a model of I + new.count items.
    """
    more = new.batch(len(histories))
    known, fresh, table = Seen(histories, model.n_items), Seen(more, new.count), model.sparse
    items, projection = (None, None) if model.item_vectors is None else _vectors(model, known, fresh)
    if table is not None:
        table = extended_entries(table, known, fresh) if items is None else widened(table, new.count)
    changed = replace(
        model,
        popularity=_popularity(model.popularity, known.counts, fresh.counts),
        item_vectors=items,
        projection=projection,
        sparse=table,
    )
    return changed, joined(histories, more, model.n_items, model.fold_in.recency)


def joined(histories: Batch, more: Batch, n_items: int, recency: float) -> Batch:
    """Histories with what came last at their ends; where they fade, all that was there fades further."""
    lengths, extra = np.diff(histories.indptr), np.diff(more.indptr)
    indptr = np.concatenate(([0], np.cumsum(lengths + extra)))
    old = np.arange(len(histories.indices)) + np.repeat(indptr[:-1] - histories.indptr[:-1], lengths)
    late = np.arange(len(more.indices)) + np.repeat(indptr[:-1] + lengths - more.indptr[:-1], extra)
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


def _vectors(model: ServingModel, known: Seen, fresh: Seen) -> tuple[VectorTable, VectorTable | None]:
    assert model.item_vectors is not None
    people, vectors = model.vectors(known.histories), model.item_vectors.dequantised()
    sums = known.sums(people)
    if model.projection is not None:
        # What an item itself added to its people is not there while it is new.
        sums[:, : model.projected] -= known.counts[:, None] * model.projection.dequantised()
    seen, found = known.scaled(sums), fresh.scaled(fresh.sums(people))
    heard = known.counts > 0
    items = appended(model.item_vectors, found @ _ridge(seen[heard], vectors[heard]))
    if model.projection is None:
        return items, None
    folded = found @ _ridge(seen[heard], model.projection.dequantised()[heard])
    return items, _projection(model.projection, items, folded)


def _projection(table: VectorTable, items: VectorTable, rows: np.ndarray) -> VectorTable:
    if not isinstance(table, TiedTable):
        return appended(table, rows)
    base = items.rows(np.arange(table.shape[0], items.shape[0]))[:, : table.shape[1]] * table.columns
    scale = (base * rows).sum(axis=1) / np.maximum((base**2).sum(axis=1), 1e-30)
    return TiedTable(items, scales_like(table.scale, np.maximum(scale, table.scale.min())), table.columns)


def _ridge(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """``A`` with ``given A`` near ``wanted``. Shapes: (n, r), (n, p) -> (r, p) float32."""
    left = given.T.astype(np.float64) @ given
    left += (RIDGE * np.trace(left) / len(left) + 1e-12) * np.eye(len(left))
    return np.linalg.solve(left, given.T.astype(np.float64) @ wanted).astype(np.float32)
