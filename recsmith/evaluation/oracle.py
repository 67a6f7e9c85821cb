"""The best ranking that anyone could give, where the truth behind the data is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from recsmith.engine.rank.metrics import hits, mean, per_user
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant

Truth = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(users (B,), UTC seconds (B,)) -> probability that each item (B, I) is the user's next."""

ROWS = 256
"""Moments whose probabilities are held at once."""


def oracle(
    truth: Truth, users: np.ndarray, times: np.ndarray, relevant: Relevant, seen: Graph, cutoffs: Sequence[int]
) -> dict[str, float]:
    """Metrics of ranking by how often each item is truly expected over a user's test moments, seen items left out.

    Highest in expectation among all lists that are made once for the whole test. Shapes: users, times (R,) one a row of
    the test.
    """
    asked = relevant.users
    lists = np.concatenate([_lists(truth, part, users, times, seen, max(cutoffs)) for part in _parts(asked)])
    return mean(per_user(hits(lists, asked, relevant), relevant.n_relevant[asked], cutoffs))


def _parts(users: np.ndarray) -> list[np.ndarray]:
    return np.array_split(users, max(1, -(-len(users) // ROWS)))


def _lists(truth: Truth, asked: np.ndarray, users: np.ndarray, times: np.ndarray, seen: Graph, k: int) -> np.ndarray:
    """The best ``k`` of each asked user, padded by -1. Shapes: asked (n,) -> (n, k)."""
    expected = np.zeros((len(asked), seen.n_items))
    rows = np.flatnonzero(np.isin(users, asked))
    for some in np.array_split(rows, max(1, -(-len(rows) // ROWS))):
        np.add.at(expected, np.searchsorted(asked, users[some]), truth(users[some], times[some]))
    expected[seen.binary[asked].nonzero()] = -np.inf
    order = np.argsort(-expected, axis=1, kind="stable")[:, :k]
    return np.where(np.take_along_axis(expected, order, 1) > -np.inf, order, -1)
