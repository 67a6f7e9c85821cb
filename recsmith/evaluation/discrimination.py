"""How well one number separates two classes (ties handled exactly, as in scikit-learn)."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def area_under_roc(scores: np.ndarray, label: np.ndarray) -> float:
    """The chance that a true pair scores higher than a false one, ties counting half (Hanley and McNeil 1982).

    Shapes: scores (P,), label (P,) bool with both classes present.
    """
    ranks = rankdata(scores)
    positive = int(label.sum())
    negative = len(label) - positive
    return float((ranks[label].sum() - positive * (positive + 1) / 2) / (positive * negative))


def average_precision(scores: np.ndarray, label: np.ndarray) -> float:
    """Sum over distinct thresholds of ``(recall_n - recall_(n-1)) * precision_n``. Shapes: scores, label (P,)."""
    _, true, taken = _steps(scores, label)
    recall = np.concatenate(([0.0], true / label.sum()))
    return float(np.sum(np.diff(recall) * true / taken))


def best_threshold(scores: np.ndarray, label: np.ndarray) -> float:
    """The score from which on "true" is the most accurate answer; the highest such where several are equal."""
    values, true, taken = _steps(scores, label)
    right = true + (len(label) - label.sum()) - (taken - true)
    return float(values[np.argmax(right)])


def accuracy(scores: np.ndarray, label: np.ndarray, threshold: float) -> float:
    """Share of pairs that ``score >= threshold`` puts on the right side."""
    return float(np.mean((scores >= threshold) == label))


def _steps(scores: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct scores from the highest down, with the true pairs and all pairs at or above each."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    return ordered[last], np.cumsum(label[order])[last].astype(np.float64), (last + 1).astype(np.float64)
