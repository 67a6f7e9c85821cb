"""Eight bits a number with one scale a row: ``row ~ int8 * scale``, off by half a scale at most."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recsmith.compress.contract import Knobs
from recsmith.compress.popularity import narrowed
from recsmith.compress.vectors import with_vectors
from recsmith.serving.model import ServingModel
from recsmith.serving.tables import SparseTable, Table

LEVELS = 127


def compress(model: ServingModel, knobs: Knobs) -> ServingModel:
    """All tables of ``model`` as int8 with a scale for each row."""
    small = with_vectors(model, lambda table: quantise(table.dequantised()))
    return replace(small, popularity=narrowed(model.popularity), sparse=_sparse(model.sparse))


def scales(largest: np.ndarray) -> np.ndarray:
    """The scale of rows whose largest magnitude is given; 1 for rows of zeros. Shapes: (n,) -> (n,) float32."""
    scale = (largest / LEVELS).astype(np.float32)
    return np.where(scale > 0, scale, np.float32(1))


def quantise(values: np.ndarray) -> Table:
    """Rows (n, r) float32 as int8 with scales."""
    scale = scales(np.abs(values).max(axis=1, initial=0))
    return Table(_rounded(values, scale[:, None]), scale)


def _sparse(table: SparseTable | None) -> SparseTable | None:
    if table is None:
        return None
    values, rows = table.values(), np.repeat(np.arange(table.n_rows), np.diff(table.indptr))
    largest = np.zeros(table.n_rows, np.float32)
    np.maximum.at(largest, rows, np.abs(values))
    scale = scales(largest)
    return replace(table, data=_rounded(values, scale[rows]), scale=scale)


def _rounded(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values / scale), -LEVELS, LEVELS).astype(np.int8)
