"""Eight bits a number with one scale a row: ``row ~ int8 * scale``, off by half a scale at most."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recsmith.serving.tables import SparseTable, Table

LEVELS = 127


def scales(largest: np.ndarray) -> np.ndarray:
    """The scale of rows whose largest magnitude is given; 1 for rows of zeros. Shapes: (n,) -> (n,) float32."""
    scale = (largest / LEVELS).astype(np.float32)
    return np.where(scale > 0, scale, np.float32(1))


def quantise(values: np.ndarray) -> Table:
    """Rows (n, r) float32 as int8 with scales."""
    scale = _halved(scales(np.abs(values).max(axis=1, initial=0)))
    return Table(_rounded(values, scale[:, None].astype(np.float32)), scale)


def _halved(scale: np.ndarray) -> np.ndarray:
    """Scales in two bytes where all of them are normal there."""
    limits = np.finfo(np.float16)
    fits = scale.size and limits.smallest_normal <= scale.min() and scale.max() <= limits.max
    return scale.astype(np.float16) if fits else scale


def quantise_sparse(table: SparseTable | None) -> SparseTable | None:
    """An item-item table as int8 with a scale for each row; None where there is none."""
    if table is None:
        return None
    values, rows = table.values(), np.repeat(np.arange(table.n_rows), np.diff(table.indptr))
    largest = np.zeros(table.n_rows, np.float32)
    np.maximum.at(largest, rows, np.abs(values))
    scale = _halved(scales(largest))
    return replace(table, data=_rounded(values, scale[rows].astype(np.float32)), scale=scale)


def _rounded(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values / scale), -LEVELS, LEVELS).astype(np.int8)
