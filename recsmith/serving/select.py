"""The k best of every row, exactly, with ties broken by the lower index."""

from __future__ import annotations

import numpy as np

WIDTH = 32
"""Scores of which only the best counts while the threshold is found."""


def select(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` highest of each row, best first; ``-inf`` marks what may not be chosen.

    A row's k-th best group maximum is a lower bound of its k-th best score, so that only a few candidates are sorted.
    Shapes: scores (B, n) float32 -> indices (B, k) int32, -1 where a row has no more; scores (B, k), -inf there.
    """
    count, width = len(scores), min(k, scores.shape[1])
    items = np.full((count, k), -1, np.int32)
    best = np.full((count, k), -np.inf, np.float32)
    if width == 0 or count == 0:
        return items, best
    rows, columns = _candidates(scores, _threshold(scores, width), width)
    values = scores[rows, columns]
    order = np.lexsort((columns, -values, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    sizes = np.bincount(rows, minlength=count)
    rank = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = rank < width
    items[rows[kept], rank[kept]] = columns[kept]
    best[rows[kept], rank[kept]] = values[kept]
    return items, best


def _threshold(scores: np.ndarray, k: int) -> np.ndarray:
    """(B,) a score that at least ``k`` of each row reach."""
    groups = scores.shape[1] // WIDTH
    if groups < 2 * k:
        return np.partition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k]
    maxima = scores[:, : groups * WIDTH].reshape(len(scores), groups, WIDTH).max(axis=2)
    return np.partition(maxima, groups - k, axis=1)[:, groups - k]


def _candidates(scores: np.ndarray, threshold: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of all above the threshold and of the first ``k`` that equal it."""
    above = scores > threshold[:, None]
    equal = scores == threshold[:, None]
    equal[np.isneginf(threshold)] = False
    many = np.flatnonzero(np.count_nonzero(equal, axis=1) > k)
    if len(many):
        crowded = equal[many]
        equal[many] = crowded & (np.cumsum(crowded, axis=1, dtype=np.int32) <= k)
    rows, columns = np.nonzero(above | equal)
    return rows, columns
