"""Popularity in fewer bytes without a change of order."""

from __future__ import annotations

import numpy as np


def narrowed(popularity: np.ndarray) -> np.ndarray:
    """Counts that fit two bytes are stored in two; anything else is left as it is. Shapes: (I,) -> (I,)."""
    counts = (
        popularity.astype(np.uint16) if popularity.size and 0 <= popularity.min() <= popularity.max() < 2**16 else None
    )
    return counts if counts is not None and np.array_equal(counts, popularity) else popularity
