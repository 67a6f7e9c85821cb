"""Numbers in a unit of their own size, so that their squares are neither infinite nor zero in float32."""

from __future__ import annotations

import numpy as np


def unit_of(values: np.ndarray) -> np.float32:
    """The power of two just below the largest magnitude, by which nothing is rounded; 1 where all are zero."""
    largest = np.abs(values).max(initial=0)
    return np.ldexp(np.float32(1), np.frexp(largest)[1] - 1) if largest > 0 else np.float32(1)
