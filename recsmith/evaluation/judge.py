"""All models side by side: averages, intervals, paired tests, slices, each from the same per-user values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recsmith.config.evaluate import Evaluate
from recsmith.engine.rank.metrics import hits, mean, per_user
from recsmith.evaluation.beyond import beyond_accuracy
from recsmith.evaluation.intervals import Bootstrap, bootstrap
from recsmith.evaluation.slices import slice_rows
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.names import headline_cutoff

WINNERS = ("full", "bundle")
"""The searched model and its compressed form; everything else is a baseline."""


@dataclass(frozen=True)
class Entry:
    """One model's answers.

    Shapes: lists (n, K) for ``relevant.users``, or None where there is no model (``note`` says why).
    """

    name: str
    family: str
    architecture: str
    valid: dict[str, float]
    lists: np.ndarray | None = None
    link: dict[str, Any] | None = None
    note: str | None = None


@dataclass
class Verdict:
    """What the stage writes: ``models`` and ``paired`` of metrics.json, per-user values, rows of the slices."""

    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    paired: dict[str, dict[str, Any]] = field(default_factory=dict)
    per_user: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    slices: list[dict[str, object]] = field(default_factory=list)
    found: list[list[int]] = field(default_factory=list)
    """Each user's test items that stand in the served list."""


def judge(
    entries: list[Entry],
    relevant: Relevant,
    seen: Graph,
    cutoffs: Sequence[int],
    settings: Evaluate,
    metric: str,
    seed: int,
) -> Verdict:
    """Measure ``entries`` on the test pairs ``relevant``.

    ``seen`` is what every model was fitted on; ``metric`` is the one that was searched for, tested in pairs beside NDCG
    and recall.
    """
    users = relevant.users
    activity = np.diff(seen.indptr)[users]
    verdict = Verdict()
    for entry in entries:
        if entry.lists is not None:
            hit = hits(entry.lists, users, relevant)
            verdict.per_user[entry.name] = per_user(hit, relevant.n_relevant[users], cutoffs)
            if entry.name in WINNERS:
                verdict.found = [row[right].tolist() for row, right in zip(entry.lists, hit, strict=True)]
    sure = _sure(verdict.per_user, settings, seed)
    for entry in entries:
        values = verdict.per_user.get(entry.name)
        verdict.models[entry.name] = _measured(entry, values, activity > 0, sure, seen, cutoffs)
    verdict.paired = _paired(sure, list(verdict.per_user), headline_metrics(cutoffs, metric))
    verdict.slices = slice_rows(verdict.per_user, activity, settings.activity)
    return verdict


def headline_metrics(cutoffs: Sequence[int], metric: str) -> tuple[str, ...]:
    """NDCG and recall at the headline's cut-off, and the metric that was searched for."""
    cutoff = headline_cutoff(cutoffs)
    return tuple(dict.fromkeys((f"ndcg@{cutoff}", f"recall@{cutoff}", metric)))


def _sure(values: dict[str, dict[str, np.ndarray]], settings: Evaluate, seed: int) -> Bootstrap:
    columns = {f"{name} {metric}": column for name, metrics in values.items() for metric, column in metrics.items()}
    return bootstrap(columns, settings.bootstrap, settings.confidence, seed)


def _measured(
    entry: Entry,
    values: dict[str, np.ndarray] | None,
    warm: np.ndarray,
    sure: Bootstrap,
    seen: Graph,
    cutoffs: Sequence[int],
) -> dict[str, Any]:
    """One model's part of metrics.json."""
    base = {"family": entry.family, "architecture": entry.architecture, "valid": entry.valid}
    if values is None or entry.lists is None:
        return {**base, "test": {}, "note": entry.note}
    return {
        **base,
        "test": mean(values),
        "warm": {
            "users": int(warm.sum()),
            "test": mean({name: v[warm] for name, v in values.items()}) if warm.any() else {},
        },
        "interval": {metric: sure.interval(f"{entry.name} {metric}") for metric in values},
        "beyond": beyond_accuracy(entry.lists, seen, cutoffs),
        "link": entry.link,
    }


def _paired(sure: Bootstrap, names: list[str], metrics: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Each winner against every other model: difference, interval, p."""
    return {
        winner: {
            other: {metric: sure.paired(f"{winner} {metric}", f"{other} {metric}") for metric in metrics}
            for other in names
            if other != winner and not (winner == "full" and other == "bundle")
        }
        for winner in WINNERS
        if winner in names
    }
