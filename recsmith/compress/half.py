"""Half precision: every number in two bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.popularity import narrowed
from recsmith.compress.vectors import with_vectors
from recsmith.errors import UserError
from recsmith.serving.model import ServingModel
from recsmith.serving.tables import SparseTable, Table


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """All tables of ``model`` as float16; UserError where a number is too large for it."""
    small = with_vectors(model, lambda table: Table(_half(table.dequantised())))
    return replace(small, popularity=narrowed(model.popularity), sparse=_sparse(model.sparse))


def _sparse(table: SparseTable | None) -> SparseTable | None:
    return None if table is None else replace(table, data=_half(table.values()), scale=None)


def _half(values: np.ndarray) -> np.ndarray:
    limit = np.finfo(np.float16).max
    if values.size and np.abs(values).max() > limit:
        raise UserError(
            f"float16 ends at {limit:g} and the model holds {np.abs(values).max():g}. "
            "Leave float16 out of params.yaml: compress.precision (int8 has a scale a row)."
        )
    return values.astype(np.float16)
