"""Dimension pruning: whole columns of the vectors go, chosen by one of NNI's norm pruners."""

from __future__ import annotations

import numpy as np

from recsmith.compress.columns import kept_count, sliced
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.row_norms import NORMS, kept_rows
from recsmith.compress.vectors import with_vectors
from recsmith.serving.model import ServingModel
from recsmith.serving.tables import Table


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """``model`` without the share ``knobs.sparsity`` of its vector columns; one column always stays.

    Where a sparse table corrects what the vectors miss, they stay as they are: it was made for exactly these columns.
    """
    kept = kept_columns(model, knobs)
    return model if kept is None else sliced(model, kept)


def masked(model: ServingModel, knobs: Knobs) -> ServingModel:
    """The same with the columns set to zero: what :func:`compress` must answer like."""
    kept = kept_columns(model, knobs)
    if kept is None:
        return model
    return with_vectors(model, lambda table: Table(table.dequantised() * np.isin(np.arange(model.rank), kept)))


def kept_columns(model: ServingModel, knobs: Knobs) -> np.ndarray | None:
    """Columns that stay, ascending; None where all do, or where they are chosen otherwise.

    The pruner sees items and what makes a user vector (projection or stored vectors) as one table, so that a column
    goes from both sides at once.
    """
    tables = (model.item_vectors, model.projection or model.user_vectors)
    rows = [table.dequantised() for table in tables if table is not None]
    if (
        knobs.pruner not in NORMS
        or round(knobs.sparsity * model.rank) < 1
        or model.rank < 2
        or model.sparse is not None
    ):
        return None
    if 0 < model.projected < model.rank:
        # The columns of a blend answer to different tables; there is no one norm to compare them by.
        return None
    gone = model.rank - kept_count(model.rank, knobs.sparsity)
    return np.flatnonzero(kept_rows(np.concatenate(rows).T, gone, knobs.pruner))
