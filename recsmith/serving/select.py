"""The k best of every row, exactly, with ties broken by the lower index."""

from __future__ import annotations

import numpy as np

WIDTH = 32
"""Scores of which only the best counts while the threshold is found."""
CROWDED = 4
"""Times k groups that reach the threshold: more of them are ties, and the row is searched as it is."""


def select(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` highest of each row, best first; ``-inf`` marks what may not be chosen.

    Column c belongs to group ``c mod G``. A row's k-th best group maximum is a lower bound of its k-th best score, so
    that only the groups whose maximum reaches it are looked into, after one pass over the scores.
    Shapes: scores (B, n) float32 -> indices (B, k) int32, -1 where a row has no more; scores (B, k), -inf there.
    """
    width = min(k, scores.shape[1])
    if width == 0 or len(scores) == 0:
        return np.full((len(scores), k), -1, np.int32), np.full((len(scores), k), -np.inf, np.float32)
    rows, columns = _candidates(scores, width)
    return ordered(rows, columns, scores[rows, columns], len(scores), k)


def ordered(
    rows: np.ndarray, columns: np.ndarray, values: np.ndarray, count: int, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The best ``k`` candidates of each of ``count`` rows, padded. Shapes: rows, columns, values (m,) -> (count, k)."""
    items, best = np.full((count, k), -1, np.int32), np.full((count, k), -np.inf, np.float32)
    order = np.lexsort((columns, -values, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    sizes = np.bincount(rows, minlength=count)
    rank = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = rank < k
    items[rows[kept], rank[kept]] = columns[kept]
    best[rows[kept], rank[kept]] = values[kept]
    return items, best


def reached(scores: np.ndarray, k: int) -> np.ndarray:
    """A score that at least ``k`` entries of each row reach, where there are as many. Shapes: scores (B, n) -> (B,)."""
    groups = scores.shape[1] // WIDTH
    maxima = scores if groups < 2 * k else _maxima(scores, groups)
    return np.partition(maxima, maxima.shape[1] - k, axis=1)[:, maxima.shape[1] - k]


def _maxima(scores: np.ndarray, groups: int) -> np.ndarray:
    """The best of each group. Shapes: scores (B, n) -> (B, groups)."""
    return scores[:, : groups * WIDTH].reshape(len(scores), WIDTH, groups).max(axis=1)


def _candidates(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns among which are the best ``k`` of each row, ties in order."""
    groups = scores.shape[1] // WIDTH
    if groups < 2 * k:
        return _above(scores, np.partition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k], k)
    maxima = _maxima(scores, groups)
    threshold = np.partition(maxima, groups - k, axis=1)[:, groups - k]
    reaching = maxima >= threshold[:, None]
    crowded = np.isneginf(threshold) | (np.count_nonzero(reaching, axis=1) > CROWDED * k)
    reaching[crowded] = False
    found = [_members(scores, threshold, reaching), _rest(scores, threshold, groups * WIDTH, ~crowded)]
    if crowded.any():
        many = np.flatnonzero(crowded)
        rows, columns = _above(scores[many], threshold[many], k)
        found.append((many[rows], columns))
    return np.concatenate([rows for rows, _ in found]), np.concatenate([columns for _, columns in found])


def _members(scores: np.ndarray, threshold: np.ndarray, reaching: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Entries of the groups that reach the threshold, as far as they do. Shapes: reaching (B, G) bool."""
    rows, group = np.nonzero(reaching)
    columns = group[:, None] + reaching.shape[1] * np.arange(WIDTH)
    place, member = np.nonzero(scores[rows[:, None], columns] >= threshold[rows, None])
    return rows[place], columns[place, member]


def _rest(scores: np.ndarray, threshold: np.ndarray, start: int, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Entries from column ``start`` on, which belong to no group."""
    rows, columns = np.nonzero((scores[:, start:] >= threshold[:, None]) & wanted[:, None])
    return rows, columns + start


def _above(scores: np.ndarray, threshold: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
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
