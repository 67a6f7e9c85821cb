"""Popularity as a weight, and in fewer bytes: without a change of order, or without one at the top."""

from __future__ import annotations

import numpy as np

STEPS = 256
"""Values of a byte."""
EXACT = 200
"""Counts from the top that stay apart in a byte."""


def weights(popularity: np.ndarray) -> np.ndarray:
    """How much items count where errors are weighed: the root of it, 1 at least. Shapes: (I,) -> (I,) float32."""
    return np.sqrt(np.maximum(popularity.astype(np.float32), 1))


def narrowed(popularity: np.ndarray) -> np.ndarray:
    """Counts that fit one byte or two are stored so; anything else is left as it is. Shapes: (I,) -> (I,)."""
    for dtype in (np.uint8, np.uint16):
        if popularity.size and 0 <= popularity.min() <= popularity.max() <= np.iinfo(dtype).max:
            counts = popularity.astype(dtype)
            return counts if np.array_equal(counts, popularity) else popularity
    return popularity


def ranked(popularity: np.ndarray) -> np.ndarray:
    """A byte for each item that keeps the order of the most popular and who was never touched.

    The 200 highest counts keep a step each; the rest share 55 steps of about equally many different counts.
    Shapes: (I,) not negative -> (I,) uint8.
    """
    counts, place = np.unique(popularity, return_inverse=True)
    first = int(counts[:1].any())
    if len(counts) + first <= STEPS:
        return (place + first).astype(np.uint8)
    low = len(counts) - EXACT
    step = 1 + np.arange(low) * (STEPS - 1 - EXACT) // low
    step[0] = first
    return np.concatenate((step, np.arange(STEPS - EXACT, STEPS)))[place].astype(np.uint8)
