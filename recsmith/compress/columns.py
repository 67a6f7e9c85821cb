"""A model with some of its vector columns, on both sides at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recsmith.compress.vectors import with_vectors
from recsmith.serving.model import ServingModel
from recsmith.serving.tables import Table
from recsmith.serving.tied import TiedTable


def sliced(model: ServingModel, kept: np.ndarray) -> ServingModel:
    """``model`` with the columns ``kept`` (k,), in that order, as float32."""
    tie = model.projection if isinstance(model.projection, TiedTable) else None
    bare = model if tie is None else replace(model, projection=None)
    small = with_vectors(bare, lambda table: Table(np.ascontiguousarray(table.dequantised()[:, kept])))
    if tie is None or small.item_vectors is None:
        return small
    return replace(small, projection=TiedTable(small.item_vectors, tie.scale, tie.columns[kept]))


def masked(model: ServingModel, kept: np.ndarray) -> ServingModel:
    """The same with all other columns at zero: what :func:`sliced` must answer like."""
    stays = np.isin(np.arange(model.rank), kept)
    return with_vectors(model, lambda table: Table(table.dequantised() * stays))


def prunable(model: ServingModel, share: float) -> bool:
    """Whether a share of the columns may go.

    Where a sparse table corrects what the vectors miss, they stay as they are: it was made for exactly these columns.
    The columns of a blend answer to different tables; nothing compares them.
    """
    whole = not 0 < model.projected < model.rank
    return whole and model.rank > 1 and model.sparse is None and round(share * model.rank) >= 1


def kept_count(rank: int, share: float) -> int:
    """Columns that stay where a share of them goes; one at least."""
    return max(1, rank - round(share * rank))
