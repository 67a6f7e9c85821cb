"""A part of the valid users, for a first look at candidates that are cheap to fit and dear to rank."""

from __future__ import annotations

import numpy as np

from recsmith.graph.relevant import Relevant


def drawn(relevant: Relevant, users: int, seed: int) -> Relevant:
    """The pairs of ``users`` users drawn without replacement from those who have any; all where there are no more."""
    everyone = relevant.users
    if users >= len(everyone):
        return relevant
    kept = np.zeros(len(relevant.cold), bool)
    kept[np.random.default_rng(seed).choice(everyone, users, replace=False)] = True
    counts = np.diff(relevant.indptr)
    indptr = np.concatenate(([0], np.cumsum(np.where(kept, counts, 0)))).astype(np.int64)
    cold = np.where(kept, relevant.cold, 0).astype(np.int32)
    return Relevant(indptr, np.asarray(relevant.indices)[np.repeat(kept, counts)], cold)
