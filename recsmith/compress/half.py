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
    """All tables of ``model`` as float16; UserError where numbers are too large for it, or all of a table too small."""
    small = with_vectors(model, lambda table: Table(_half(table.dequantised())))
    return replace(small, popularity=narrowed(model.popularity), sparse=_sparse(model.sparse))


def _sparse(table: SparseTable | None) -> SparseTable | None:
    return None if table is None else replace(table, data=_half(table.values()), scale=None)


def _half(values: np.ndarray) -> np.ndarray:
    limits, largest = np.finfo(np.float16), np.abs(values).max(initial=0)
    if largest > limits.max or 0 < largest < limits.smallest_normal:
        raise UserError(
            f"float16 goes from {limits.smallest_normal:.1g} to {limits.max:g}, and the largest number of a table is "
            f"{largest:g}. Leave float16 out of params.yaml: compress.precision (int8 has a scale a row)."
        )
    return values.astype(np.float16)
