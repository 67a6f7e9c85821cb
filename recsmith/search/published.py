"""Settings that papers, we and earlier searches found good, as the nearest proposals of a space: what to try first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from recsmith.search.tree import Tree, branch

_CHEBYCF = {"order": 8, "flatness": 1.5, "left_exponent": 0.415, "right_exponent": 0.415}
SETTINGS: tuple[dict[str, Any], ...] = (
    # An ideal low-pass: what most others are mixed with, so that its decomposition is at hand for them.
    {"family": "filter", "kind": "low_pass", "rank": 512, "left_exponent": 0.415, "right_exponent": 0.415},
    # The linear filter of Shen et al. 2021 with free exponents.
    {"family": "filter", "kind": "linear", "left_exponent": 0.35, "right_exponent": 0.35},
    # Kim et al. 2025, ChebyCF.
    {"family": "filter", "kind": "mixture", "main": "polynomial", "rank": 512, "low_pass_weight": 0.2, **_CHEBYCF},
    # Steck 2019, EASE, for histories that fade.
    {"family": "filter", "kind": "ridge", "l2": 200.0, "recency": 0.75},
    # LightGCN by sampled softmax from a spectral start: a sixtieth of the published epochs (benchmarks/README.md).
    {
        "family": "gnn",
        "operator": "lightgcn",
        "layers": 3,
        "dimension": 64,
        "start": "spectral",
        "target_exponent": 0.5,
        "source_exponent": 0.5,
        "combination": "mean",
        "loss": "sampled_softmax",
        "temperature": 0.2,
        "negatives": 128,
        "learning_rate": 0.01,
        "schedule": "linear",
        "weight_decay": 0.1,
    },
    # ChebyCF for histories that have an order.
    {
        "family": "filter",
        "kind": "mixture",
        "main": "polynomial",
        "rank": 512,
        "low_pass_weight": 0.2,
        "recency": 0.5,
        **_CHEBYCF,
    },
    # Shen et al. 2021, GF-CF.
    {
        "family": "filter",
        "kind": "mixture",
        "main": "linear",
        "rank": 256,
        "low_pass_weight": 0.3,
        "left_exponent": 0.5,
        "right_exponent": 0.5,
    },
    # Steck 2019, EASE.
    {"family": "filter", "kind": "ridge", "l2": 500.0},
    # Deshpande and Karypis 2004.
    {"family": "filter", "kind": "neighbours", "neighbours": 100, "shrink": 0.0},
    # He et al. 2020, LightGCN, with a rate for larger batches.
    {
        "family": "gnn",
        "operator": "lightgcn",
        "layers": 3,
        "dimension": 64,
        "target_exponent": 0.5,
        "source_exponent": 0.5,
        "combination": "mean",
        "loss": "bpr",
        "learning_rate": 0.005,
        "weight_decay": 1e-4,
    },
)
"""Knob -> value; of knobs that are not named the first value of the space is taken."""


EARLIER = 4
"""At most so many settings of earlier searches are tried."""


def first(tree: Tree, earlier: Iterable[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    """What to try first: the best of earlier searches, then ``number`` of what was published.

    In this order: the earlier ones were measured here, on data that this is most like.
    """
    known = held(tree, earlier)[:EARLIER]
    return known + [proposal for proposal in published(tree)[:number] if proposal not in known]


def published(tree: Tree) -> list[dict[str, Any]]:
    """The published settings that a space holds, each as its nearest proposal, in their order."""
    return held(tree, SETTINGS)


def held(tree: Tree, settings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The different nearest proposals of ``settings``, in their order; those with names that the space lacks drop."""
    found: list[dict[str, Any]] = []
    for setting in settings:
        proposal = nearest(tree, setting)
        if proposal is not None and proposal not in found:
            found.append(proposal)
    return found


def nearest(tree: Tree, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """The proposal of ``tree`` with the wanted names and the nearest numbers; None where a name is not there."""
    proposal: dict[str, Any] = {}
    for name, knob in tree.items():
        value = _nearest(knob["_value"], wanted.get(name))
        if value is None:
            return None
        if isinstance(value, dict):
            below = nearest(branch(value), wanted)
            if below is None:
                return None
            value = {"_name": value["_name"], **below}
        proposal[name] = value
    return proposal


def _nearest(values: list[Any], wanted: Any) -> Any:
    if wanted is None:
        return values[0]
    if isinstance(wanted, str):
        return next((value for value in values if _name(value) == wanted), None)
    return min(values, key=lambda value: abs(float(_name(value)) - wanted))


def _name(value: Any) -> Any:
    return value["_name"] if isinstance(value, dict) else value
