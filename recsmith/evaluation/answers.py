"""Lists and pair scores of exact models and of bundles, in the graph's numbering."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from recsmith.engine.ranking import block_rows
from recsmith.errors import UserError
from recsmith.evaluation.links import PairScores
from recsmith.model.contract import Model
from recsmith.serving.bundle import Bundle

BlockScores = Callable[[np.ndarray], np.ndarray]
"""users (B,) -> scores of all items (B, I)."""


def model_pair_scores(model: Model, memory_mb: int) -> PairScores:
    """Scores of single pairs by an exact model."""
    return _by_blocks(lambda users: model.scores(users).cpu().numpy(), block_rows(model.n_items, memory_mb))


class BundleAnswers:
    """A bundle asked by the graph's indices; the serving code does the work."""

    def __init__(self, bundle: Bundle, user_ids: list[str], item_ids: list[str], memory_mb: int) -> None:
        self.bundle, self.user_ids, self.memory_mb = bundle, user_ids, memory_mb
        self.places = bundle.items.find(item_ids)
        if (self.places < 0).any() or len(bundle.items) != len(item_ids):
            raise UserError("The bundle holds other items than the graph. Run the line again (make run).")
        self.items = np.argsort(self.places)

    def lists(self, users: np.ndarray, k: int) -> np.ndarray:
        """What the bundle recommends. Shapes: users (n,) -> (n, k) int32 padded by -1."""
        found = self.bundle.recommend([self.user_ids[user] for user in users], k).items
        return np.where(found >= 0, self.items[found], -1).astype(np.int32)

    def pair_scores(self) -> PairScores:
        """Scores of single pairs."""
        return _by_blocks(self._scores, block_rows(len(self.places), self.memory_mb))

    def _scores(self, users: np.ndarray) -> np.ndarray:
        rows = self.bundle.users.find([self.user_ids[user] for user in users])
        return self.bundle.model.scores(self.bundle.histories.take(rows))[:, self.places]


def _by_blocks(scores: BlockScores, rows: int) -> PairScores:
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
