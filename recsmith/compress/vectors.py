"""One change for all vector tables of a model, or for those that weigh in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from recsmith.compress.popularity import ranked
from recsmith.compress.quantised import quantise, quantise_sparse
from recsmith.serving.model import ServingModel
from recsmith.serving.tied import TiedTable
from recsmith.serving.vector_table import VectorTable


def with_vectors(model: ServingModel, change: Callable[[VectorTable], VectorTable]) -> ServingModel:
    """``model`` with ``change`` made to each vector table that it has; a tied projection stays tied to the new V."""
    items, projection, users = model.item_vectors, model.projection, model.user_vectors
    small = None if items is None else change(items)
    if isinstance(projection, TiedTable):
        assert small is not None
        folded = projection.on(small)
    else:
        folded = None if projection is None else change(projection)
    stored = None if users is None else change(users)
    return replace(model, item_vectors=small, projection=folded, user_vectors=stored)


def with_items(model: ServingModel, change: Callable[[VectorTable], VectorTable]) -> ServingModel:
    """``model`` with ``change`` made to item vectors and projection, and all else small.

    The item-item table takes int8, since the place of an entry weighs more than its value; so do stored people, who do
    not weigh in the model and whose errors would add to those of the items. Popularity takes a byte.
    """
    people = None if model.user_vectors is None else quantise(model.user_vectors.dequantised())
    small = with_vectors(replace(model, user_vectors=None), change)
    return replace(
        small, user_vectors=people, sparse=quantise_sparse(model.sparse), popularity=ranked(model.popularity)
    )
