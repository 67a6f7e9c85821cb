"""A change of the basis in which a model's vectors are written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recsmith.serving.model import ServingModel
from recsmith.serving.tables import Table
from recsmith.serving.tied import TiedTable
from recsmith.serving.vector_table import VectorTable


def turned(model: ServingModel, items: np.ndarray, queries: np.ndarray) -> ServingModel:
    """``V items``, and what makes queries times ``queries``; scores stay where ``items queries^T`` is the identity.

    A tied projection stays tied: the turn must be orthogonal and leave its factors alone. Columns that are projected on
    may not mix with those that are stored.
    Shapes: items, queries (r, r).
    """
    assert model.item_vectors is not None
    vectors, first = _times(model.item_vectors, items), model.projected
    projection, users = model.projection, model.user_vectors
    if isinstance(projection, TiedTable):
        folded = projection.on(vectors)
    else:
        folded = None if projection is None else _times(projection, queries[:first, :first])
    stored = None if users is None else _times(users, queries[first:, first:])
    return replace(model, item_vectors=vectors, projection=folded, user_vectors=stored)


def mixable(model: ServingModel) -> list[np.ndarray]:
    """Columns that a turn may mix with each other: those of a tied model of the same factor, and those that are
    projected on apart from those that are stored."""
    tie = model.projection
    factors = np.full(model.rank, np.inf)
    factors[: model.projected] = tie.columns if isinstance(tie, TiedTable) else 1
    return [np.flatnonzero(factors == factor) for factor in np.unique(factors)]


def _times(table: VectorTable, turn: np.ndarray) -> Table:
    return Table(np.ascontiguousarray(table.dequantised() @ turn, np.float32))
