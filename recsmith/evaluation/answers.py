"""Lists and pair scores of a bundle, in the graph's numbering."""

from __future__ import annotations

import numpy as np

from recsmith.engine.rank.ranking import block_rows
from recsmith.errors import UserError
from recsmith.evaluation.links import PairScores
from recsmith.evaluation.pair_scores import by_blocks
from recsmith.serving.bundle import Bundle


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
        return by_blocks(self._scores, block_rows(len(self.places), self.memory_mb))

    def _scores(self, users: np.ndarray) -> np.ndarray:
        rows = self.bundle.users.find([self.user_ids[user] for user in users])
        return self.bundle.model.scores(self.bundle.histories.take(rows))[:, self.places]
