"""Dimension pruning: whole columns of the vectors go, chosen by one of NNI's norm pruners."""

from __future__ import annotations

import numpy as np

from recsmith.compress.columns import kept_count, prunable, sliced
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.row_norms import NORMS, kept_rows
from recsmith.serving.model import ServingModel


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """``model`` without the share ``knobs.sparsity`` of its columns, by L1, L2 or FPGM; one always stays."""
    if knobs.pruner not in NORMS or not prunable(model, knobs.sparsity):
        return model
    return sliced(model, kept_columns(model, knobs))


def kept_columns(model: ServingModel, knobs: Knobs) -> np.ndarray:
    """Columns that stay, ascending.

    The pruner sees items and what makes a user vector (projection or stored vectors) as one table, so that a column
    goes from both sides at once.
    """
    tables = (model.item_vectors, model.projection or model.user_vectors)
    rows = [table.dequantised() for table in tables if table is not None]
    gone = model.rank - kept_count(model.rank, knobs.sparsity)
    return np.flatnonzero(kept_rows(np.concatenate(rows).T, gone, knobs.pruner))
