"""A few levels for many numbers, each row with a scale of its own."""

from __future__ import annotations

import numpy as np

from recsmith.compress.units import unit_of
from recsmith.serving.packed import PackedTable, pack

ITERATIONS = 40
SAMPLE = 1 << 18
"""Numbers that levels are fitted to."""
TINY = np.float32(1e-30)
LEAST = np.float32(np.finfo(np.float16).smallest_normal)
"""The smallest scale beside the largest of its table; a row of zeros has it."""


def fitted(values: np.ndarray, count: int) -> np.ndarray:
    """``count`` levels with the least mean squared error (Lloyd 1982, method I; Max 1960), ascending, deterministic.

    Shapes: values (N,) float32 -> (count,) float32.
    """
    ordered = np.sort(values[:: max(1, len(values) // SAMPLE)].astype(np.float64))
    sums = np.concatenate(([0.0], np.cumsum(ordered)))
    levels = np.quantile(ordered, (np.arange(count) + 0.5) / count) if len(ordered) else np.linspace(-1, 1, count)
    for _ in range(ITERATIONS):
        border = np.concatenate(([0], np.searchsorted(ordered, middles(levels)), [len(ordered)]))
        size = np.diff(border)
        levels = np.where(size > 0, np.diff(sums[border]) / np.maximum(size, 1), levels)
    return levels.astype(np.float32)


def middles(levels: np.ndarray) -> np.ndarray:
    """Where the nearest level changes. Shapes: (k,) ascending -> (k - 1,)."""
    return (levels[1:] + levels[:-1]) / 2


def quantise(values: np.ndarray, bits: int, block: int = 0) -> PackedTable:
    """Rows with ``bits`` for each number, and a scale for every ``block`` columns (0: for the row).

    Numbers over the root mean square of their block share the levels; the scale is then the one of least squares, as
    half precision, whose common factor lies in the levels. Shapes: values (n, r) float32.
    """
    unit = unit_of(values)
    values = values / unit
    first = _starts(values.shape[1], block)
    width = np.diff(first, append=values.shape[1])
    size = np.sqrt(np.add.reduceat(np.square(values), first, axis=1) / width)
    even = values / np.repeat(np.where(size > 0, size, 1), width, axis=1)
    levels = fitted(even[np.repeat(size > 0, width, axis=1)], 2**bits)
    places = np.searchsorted(middles(levels), even)
    near = levels[places]
    best = np.add.reduceat(values * near, first, axis=1) / np.maximum(np.add.reduceat(near**2, first, axis=1), TINY)
    top = best.max(initial=0) or np.float32(1)
    scale = np.clip(best / top, LEAST, 1).astype(np.float16)
    with np.errstate(over="ignore"):  # A table refuses levels that are not finite.
        return PackedTable(pack(places, bits), levels * top * unit, scale, values.shape[1])


def _starts(columns: int, block: int) -> np.ndarray:
    """Where blocks begin that are as equal as can be, of at most ``block`` columns; 0: one block."""
    count = -(-columns // block) if block else 1
    return np.arange(0, columns, -(-columns // count))
