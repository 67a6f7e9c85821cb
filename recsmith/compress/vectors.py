"""One change for all vector tables of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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
