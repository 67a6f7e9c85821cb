"""The incumbent's bundle as a contestant: its answers in the graph's numbering, the pairs that it may be asked."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from recsmith.config.evaluate import Evaluate
from recsmith.engine.rank.metrics import hits, mean, per_user
from recsmith.engine.rank.ranking import top_lists
from recsmith.evaluation.earlier import Earlier
from recsmith.evaluation.intervals import bootstrap
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.serving.bundle import Bundle


class Served(Earlier):
    """A bundle of an earlier day as a model of today's graph."""

    def __init__(self, bundle: Bundle, user_ids: list[str], item_ids: list[str]) -> None:
        super().__init__(bundle.users.find(user_ids), bundle.items.find(item_ids))
        self.bundle = bundle

    def own_scores(self, rows: np.ndarray) -> np.ndarray:
        """What is in a history is left out, as the bundle does itself."""
        batch = self.bundle.histories.take(rows)
        found = self.bundle.model.scores(batch)
        found[batch.rows, batch.indices] = -np.inf
        return found

    def learnt(self) -> sparse.csr_matrix:
        """(U, I) 1 where the incumbent knew that a user had touched an item."""
        batch = self.bundle.histories.take(self.users)
        back = np.full(len(self.bundle.items), -1)
        back[self.items[self.items >= 0]] = np.flatnonzero(self.items >= 0)
        columns = back[batch.indices]
        kept = columns >= 0
        ones = np.ones(int(kept.sum()), np.float32)
        return sparse.csr_matrix((ones, (batch.rows[kept], columns[kept])), shape=(self.n_users, self.n_items))


def unlearnt(relevant: Relevant, learnt: sparse.csr_matrix) -> Relevant:
    """The pairs that the incumbent had not learnt already: late events shift what a split calls new."""
    rows = np.repeat(np.arange(len(relevant.indptr) - 1), np.diff(relevant.indptr))
    kept = np.asarray(learnt[rows, relevant.indices]).ravel() == 0 if len(rows) else np.zeros(0, bool)
    indptr = np.concatenate(([0], np.cumsum(np.bincount(rows[kept], minlength=len(relevant.indptr) - 1))))
    return Relevant(indptr.astype(np.int64), np.asarray(relevant.indices)[kept], relevant.cold)


def contest(
    lists: np.ndarray,
    served: Served,
    relevant: Relevant,
    seen: Graph,
    metrics: tuple[str, ...],
    settings: Evaluate,
    seed: int,
    memory_mb: int,
) -> dict[str, Any]:
    """Challenger and champion on the pairs that neither has learnt: averages, and paired differences with intervals.

    Whatever a user had touched before the test is in nobody's list. Shapes: lists (n, K): the challenger's, for
    ``relevant.users``.
    """
    asked = unlearnt(relevant, served.learnt())
    cutoffs = sorted({int(metric.partition("@")[2]) for metric in metrics})
    everyone = relevant.users
    theirs = top_lists(served, everyone, max(cutoffs), seen, memory_mb=memory_mb)
    chosen = np.flatnonzero(asked.n_relevant[everyone])
    users = everyone[chosen]
    values = {
        name: per_user(hits(found[chosen], users, asked), asked.n_relevant[users], cutoffs)
        for name, found in (("challenger", lists[:, : max(cutoffs)]), ("champion", theirs))
    }
    columns = {f"{name} {metric}": values[name][metric] for name in values for metric in metrics}
    sure = bootstrap(columns, settings.bootstrap, settings.confidence, seed)
    return {
        "users": len(users),
        "learnt_already": int(relevant.n_relevant.sum() - asked.n_relevant.sum()),
        "metrics": {name: {metric: mean(values[name])[metric] for metric in metrics} for name in values},
        "paired": {metric: sure.paired(f"challenger {metric}", f"champion {metric}") for metric in metrics},
    }
