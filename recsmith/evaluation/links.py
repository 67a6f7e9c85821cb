"""Link prediction: tell the pairs of the test from sampled non-pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recsmith.evaluation.discrimination import accuracy, area_under_roc, average_precision, best_threshold
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant

PairScores = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(users (P,), items (P,)) -> scores (P,)."""


@dataclass(frozen=True)
class Pairs:
    """Pairs and as many blocks of non-pairs of the same users.

    Shapes: users, items, label (P * (1 + negatives),); label is 1 for pairs.
    """

    users: np.ndarray
    items: np.ndarray
    label: np.ndarray
    left_out: int
    """Pairs without a score on the model's scale: cold items, users without history, users who know every item."""


def sample_pairs(relevant: Relevant, seen: Graph, negatives: int, seed: int) -> Pairs:
    """The warm pairs of ``relevant`` and, for each, ``negatives`` items drawn uniformly from those new to its user."""
    users = np.repeat(np.arange(len(relevant.cold)), np.diff(relevant.indptr))
    items = np.asarray(relevant.indices)
    indptr, known = _known_items(users, items, seen)
    free = seen.n_items - np.diff(indptr)
    usable = (np.diff(seen.indptr)[users] > 0) & (free[users] > 0)
    users, items = users[usable], items[usable]
    asked = np.tile(users, negatives)
    rank = (np.random.default_rng([seed, len(usable)]).random(len(asked)) * free[asked]).astype(np.int64)
    others = _unknown_item(asked, rank, indptr, known, seen.n_items)
    label = np.concatenate((np.ones(len(users), bool), np.zeros(len(asked), bool)))
    left_out = int(relevant.n_relevant.sum() - len(users))
    return Pairs(np.concatenate((users, asked)), np.concatenate((items, others)), label, left_out)


def _known_items(users: np.ndarray, items: np.ndarray, seen: Graph) -> tuple[np.ndarray, np.ndarray]:
    """Everything that a user touched, as CSR with sorted rows."""
    touched = seen.binary.tocoo()
    keys = np.concatenate((touched.row, users)).astype(np.int64) * seen.n_items + np.concatenate((touched.col, items))
    keys = np.unique(keys)
    indptr = np.searchsorted(keys, np.arange(seen.n_users + 1, dtype=np.int64) * seen.n_items)
    return indptr, keys % seen.n_items


def _unknown_item(
    users: np.ndarray, rank: np.ndarray, indptr: np.ndarray, known: np.ndarray, n_items: int
) -> np.ndarray:
    """The ``rank``-th item (from 0) that each user does not know: the known items below it are counted."""
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    gaps = known - (np.arange(len(known)) - indptr[rows])  # unknown items before each known one
    stride = n_items + 1
    below = np.searchsorted(rows * stride + gaps, users * stride + rank, side="right") - indptr[users]
    return rank + below


def link_metrics(scores: np.ndarray, pairs: Pairs, threshold: float | None) -> dict[str, float | int | None]:
    """AUC, average precision, and accuracy at ``threshold`` (scores at or above it count as a link)."""
    warm = bool(len(pairs.label))
    return {
        "auc": area_under_roc(scores, pairs.label) if warm else None,
        "average_precision": average_precision(scores, pairs.label) if warm else None,
        "accuracy": accuracy(scores, pairs.label, threshold) if warm and threshold is not None else None,
        "threshold": threshold,
        "pairs": int(pairs.label.sum()),
        "non_pairs": int((~pairs.label).sum()),
        "left_out": pairs.left_out,
    }


def threshold_on(scores: PairScores, pairs: Pairs) -> float | None:
    """The score that separates ``pairs`` best; None where there are none."""
    return best_threshold(scores(pairs.users, pairs.items), pairs.label) if len(pairs.label) else None
