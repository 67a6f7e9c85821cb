"""One change for all vector tables of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from recsmith.serving.model import ServingModel
from recsmith.serving.tables import Table

NAMES = ("item_vectors", "projection", "user_vectors")


def with_vectors(model: ServingModel, change: Callable[[Table], Table]) -> ServingModel:
    """``model`` with ``change`` made to each vector table that it has."""
    tables: dict[str, Table | None] = {name: getattr(model, name) for name in NAMES}
    return replace(model, **{name: change(table) for name, table in tables.items() if table is not None})
