"""Scores of single pairs from models that score all items of a user at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from recsmith.engine.rank.ranking import block_rows
from recsmith.evaluation.links import PairScores
from recsmith.model.contract import Model

BlockScores = Callable[[np.ndarray], np.ndarray]
"""users (B,) -> scores of all items (B, I)."""


def model_pair_scores(model: Model, memory_mb: int) -> PairScores:
    """Scores of single pairs by an exact model."""
    return by_blocks(lambda users: model.scores(users).cpu().numpy(), block_rows(model.n_items, memory_mb))


def by_blocks(scores: BlockScores, rows: int) -> PairScores:
    """Scores of pairs, asked of ``scores`` for at most ``rows`` users at a time."""

    def of_pairs(users: np.ndarray, items: np.ndarray) -> np.ndarray:
        values = np.zeros(len(users), np.float64)
        asked, row = np.unique(users, return_inverse=True)
        order = np.argsort(row, kind="stable")
        for start, stop, part in _runs(row[order], len(asked), rows):
            at = order[part]
            values[at] = scores(asked[start:stop])[row[at] - start, items[at]]
        return values

    return of_pairs


def _runs(ordered: np.ndarray, n: int, rows: int) -> Iterator[tuple[int, int, slice]]:
    """Blocks of at most ``rows`` users and where their pairs lie in the ordered pairs."""
    for start in range(0, n, rows):
        stop = min(start + rows, n)
        low, high = np.searchsorted(ordered, [start, stop])
        yield start, stop, slice(int(low), int(high))
