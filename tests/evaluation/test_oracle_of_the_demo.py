"""On the demo the truth is known: nothing that is learnt from its log ranks better."""

from __future__ import annotations

import numpy as np
import torch

from recsmith.config.ingest import Demo
from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.rank.evaluate import evaluate
from recsmith.evaluation.oracle import oracle
from recsmith.graph.graph import from_edges
from recsmith.graph.relevant import from_pairs
from recsmith.model.architecture import Filter
from recsmith.sources.demo import generate, item_ids, true_scores, user_ids

DEMO = Demo(users=150, items=120, interactions_per_user=25.0, seed=3)


class Popularity:
    """Ranks by the number of users."""

    def __init__(self, counts: np.ndarray, n_users: int) -> None:
        self.counts, self.n_users, self.n_items = counts, n_users, len(counts)

    def scores(self, users: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.tile(self.counts.astype(np.float32), (len(users), 1)))


def test_the_oracle_beats_popularity_and_a_fitted_filter() -> None:
    log, users, items = generate(DEMO).interactions, user_ids(DEMO), item_ids(DEMO)
    user = np.array([users.index(name) for name in log["user_id"].to_pylist()])
    item = np.array([items.index(name) for name in log["item_id"].to_pylist()])
    time = log["timestamp"].to_numpy()
    order = np.lexsort((time, user))
    user, item, time = user[order], item[order], time[order]
    last = np.concatenate([np.arange(n)[::-1] < max(1, n // 5) for n in np.bincount(user, minlength=len(users))])
    seen = from_edges(user[~last], item[~last], len(users), len(items))
    relevant = from_pairs(user[last], item[last], len(users), len(items))

    def truth(rows: np.ndarray, times: np.ndarray) -> np.ndarray:
        return true_scores(DEMO, [users[row] for row in rows], items, times.tolist())

    best = oracle(truth, user[last], time[last], relevant, seen, (5, 20))
    popular = Popularity(np.bincount(seen.indices, minlength=len(items)), len(users))
    fitted = fit(Filter(kind="ridge", l2=50.0), seen, FitSettings(threads=1)).model
    for model in (popular, fitted):
        reached = evaluate(model, seen, relevant, (5, 20), 100)
        assert all(best[name] > reached[name] for name in ("ndcg@5", "ndcg@20", "recall@20"))
