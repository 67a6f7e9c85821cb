"""Names that parameters, search space and engine share; each list is the one that errors show."""

from __future__ import annotations

from collections.abc import Iterable

OPERATORS = (
    "none",
    "lightgcn",
    "gcn",
    "sage",
    "gat",
    "gin",
    "ngcf",
    "transformer",
    "rgcn",
    "dense",
    "conv1d",
    "pooling",
)
EDGE_READERS = ("sage", "gat", "gin", "transformer")
"""Operators that read the attributes of edges where ``edge_dimension`` is above 0."""
HEADED = ("gat", "transformer")
"""Operators with attention heads."""
LINEAR_OPERATORS = ("none", "lightgcn")
"""Operators that are linear in the vectors and have no weights; an activation is not defined on them."""
ACTIVATIONS = ("identity", "relu", "leaky_relu", "elu")
COMBINATIONS = ("last", "mean", "concat", "learned", "attention", "gru")
CONTRASTS = ("none", "simgcl", "xsimgcl")
STARTS = ("random", "spectral")
LOSSES = ("bpr", "sampled_softmax", "in_batch_softmax", "bce", "ccl", "directau")
NEGATIVES = ("uniform", "popularity", "in_batch", "hard")
OPTIMIZERS = ("adam", "adamw", "adagrad", "rmsprop")
SCHEDULES = ("constant", "linear", "cosine")
PRECISIONS = ("float32", "bfloat16")
METRICS = ("precision", "recall", "f1", "hit_rate", "mrr", "map", "ndcg")
FILTERS = ("linear", "low_pass", "polynomial", "neighbours", "ridge", "mixture")
BASELINES = ("popularity", "item_knn", "ease", "als", "lightgcn")


def check_metric(name: str) -> str:
    """``name`` where it reads METRIC@K; ValueError says what is allowed."""
    metric, _, cutoff = name.partition("@")
    if metric not in METRICS or not cutoff.isdigit() or int(cutoff) < 1:
        raise ValueError(f"a metric reads NAME@K, as in ndcg@20, with NAME one of {', '.join(METRICS)}")
    return name


def headline_cutoff(cutoffs: Iterable[int]) -> int:
    """The cut-off that is shown first: 20 where it is measured, else the largest."""
    measured = set(cutoffs)
    return 20 if 20 in measured else max(measured)


def cutoffs_of(metrics: Iterable[str]) -> set[int]:
    """The cut-offs in names such as ``ndcg@20``."""
    return {int(name.partition("@")[2]) for name in metrics}
