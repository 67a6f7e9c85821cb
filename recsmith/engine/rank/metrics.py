"""Ranking metrics at every cut-off from one hit matrix (numpy only).

One definition for the whole project: binary NDCG with a log2 discount and its ideal cut at min(K, relevant items);
recall divides by all relevant items (those that the catalogue does not know included), precision by K even where fewer
items are listed.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from recsmith.graph.relevant import Relevant


def hits(lists: np.ndarray, users: np.ndarray, relevant: Relevant) -> np.ndarray:
    """Where the listed items are relevant.

    Shapes: lists (n, K) int item indices (-1: no item), users (n,) int -> (n, K) bool.
    """
    lists, users = np.asarray(lists, np.int64), np.asarray(users, np.int64)
    if lists.size == 0 or len(relevant.indices) == 0:
        return np.zeros(lists.shape, bool)
    stride = int(max(lists.max(), relevant.indices.max())) + 1
    counts = np.diff(relevant.indptr)
    known = np.repeat(np.arange(len(counts), dtype=np.int64), counts) * stride + relevant.indices
    wanted = users[:, None] * stride + lists
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return (known[place] == wanted) & (lists >= 0)


def per_user(hit: np.ndarray, n_relevant: np.ndarray, cutoffs: Iterable[int]) -> dict[str, np.ndarray]:
    """Every metric at every cut-off, user by user, as ``{"ndcg@20": (n,) float64, ...}``.

    Shapes: hit (n, K) bool; n_relevant (n,) int, users with none score 0. Cut-offs beyond K count the missing places
    as misses.
    """
    cutoffs = sorted(set(cutoffs))
    hit = _widened(np.asarray(hit, np.float64), max(cutoffs, default=0))
    wanted = np.asarray(n_relevant, np.float64)
    ranks = np.arange(1, hit.shape[1] + 1)
    found = hit.cumsum(1)
    sums = {"dcg": (hit / np.log2(ranks + 1)).cumsum(1), "precision": (hit * found / ranks).cumsum(1)}
    first = np.where(found[:, -1] > 0, hit.argmax(1) + 1, np.inf) if hit.shape[1] else np.full(len(hit), np.inf)
    values: dict[str, np.ndarray] = {}
    for cutoff in cutoffs:
        values |= _at(cutoff, found[:, cutoff - 1], first, {name: sums[name][:, cutoff - 1] for name in sums}, wanted)
    return values


def _widened(hit: np.ndarray, width: int) -> np.ndarray:
    return np.pad(hit, ((0, 0), (0, max(0, width - hit.shape[1]))))


def _at(
    cutoff: int, found: np.ndarray, first: np.ndarray, sums: dict[str, np.ndarray], wanted: np.ndarray
) -> dict[str, np.ndarray]:
    """Metrics at one cut-off; shapes: found, first, sums[...], wanted (n,)."""
    precision, recall = found / cutoff, _ratio(found, wanted)
    reachable = np.minimum(wanted, cutoff)
    ideal = np.concatenate(([0.0], (1 / np.log2(np.arange(2, cutoff + 2))).cumsum()))
    values = {
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * precision * recall, precision + recall),
        "hit_rate": (found > 0).astype(np.float64),
        "mrr": np.where(first <= cutoff, 1 / first, 0.0),
        "map": _ratio(sums["precision"], reachable),
        "ndcg": _ratio(sums["dcg"], ideal[reachable.astype(np.int64)]),
    }
    return {f"{name}@{cutoff}": value for name, value in values.items()}


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """``above / below``, 0 where ``below`` is 0."""
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)


def mean(values: dict[str, np.ndarray]) -> dict[str, float]:
    """Averages over users; 0 where there is nobody."""
    return {name: float(value.mean()) if len(value) else 0.0 for name, value in values.items()}


def evaluate_lists(
    lists: np.ndarray, users: np.ndarray, relevant: Relevant, cutoffs: Iterable[int]
) -> dict[str, float]:
    """Average metrics of ready lists over ``users``; shapes: lists (n, K) int, users (n,) int."""
    return mean(per_user(hits(lists, users, relevant), relevant.n_relevant[users], cutoffs))
