"""How much of the best value on valid is luck: the optimism of picking the highest of many, and how firm ranks are.

From the per-user values of every whole trial, on the users of valid alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recsmith.search.choose import Candidate
from recsmith.search.store import Store
from recsmith.search.task import Task

REPEATS = 200
DIGITS = 6


def trust(task: Task, rows: Sequence[Candidate]) -> dict[str, Any] | None:
    """What :func:`optimism` finds over the trials whose per-user values are here; None where there are fewer than two.

    Trials on other machines leave none, baselines neither; filters count by what was drawn of valid for all.
    """
    store, metric = Store(Path(task.folder)), task.budget.metric
    keys = dict.fromkeys(row.record.key for row in rows if row.value(metric) is not None and row.record.fidelity == 1)
    found = [values for key in keys if (values := store.per_user(key)) is not None]
    if len(found) < 2 or not len(found[0]):
        return None
    return optimism(np.stack(found), task.budget.seed)


def optimism(values: np.ndarray, seed: int) -> dict[str, Any]:
    """What choosing the best of ``values`` promises beyond what it holds.

    ``optimism``: resample the users, choose, and see by how much the chosen one's mean there exceeds its mean on all
    users, on average (the bootstrap of Efron 1983, the choice made again in every sample).
    ``chosen_half``, ``other_half``: choose on one half of the users, measure on the other. ``winner_first``: share of
    the samples in which the best is the best again. ``rank_correlation``: Spearman's, of all between halves.

    Shapes: values (C, n) float, of candidate and user.
    """
    generator, n = np.random.default_rng(seed), values.shape[1]
    values = values.astype(np.float64)
    means = values.mean(1)
    samples = generator.multinomial(n, np.full(n, 1 / n), REPEATS) @ values.T / n
    chosen = samples.argmax(1)
    halves = _halves(values, generator)
    picked = halves[:, 0].argmax(1)
    rows = np.arange(REPEATS)
    found = {
        "optimism": (samples[rows, chosen] - means[chosen]).mean(),
        "winner_first": (chosen == means.argmax()).mean(),
        "chosen_half": halves[rows, 0, picked].mean(),
        "other_half": halves[rows, 1, picked].mean(),
        "rank_correlation": np.mean([_spearman(*pair) for pair in halves]),
    }
    counts = {"candidates": len(values), "users": n, "repeats": REPEATS, "valid": round(float(means.max()), DIGITS)}
    return counts | {name: round(float(value), DIGITS) for name, value in found.items()}


def words(metric: str, found: dict[str, Any] | None) -> str:
    """What a person is told of it."""
    if found is None:
        return "how optimistic the choice is cannot be told: fewer than two trials left per-user values"
    return (
        f"of {metric} {found['valid']:.4f}, {amount(found['optimism'])} is the luck of picking the best of "
        f"{found['candidates']}; it is the best again in {found['winner_first']:.0%} of the times that valid users are "
        f"drawn again, and ranks correlate by {found['rank_correlation']:.2f} between halves of them"
    )


def amount(optimism: float) -> str:
    """How much is luck, in words; where the winner of samples does no better in them than at large, that is none."""
    return f"about {optimism:.4f}" if round(optimism, 4) > 0 else "none"


def _halves(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Means on one drawn half of the users and on the other; shapes: (C, n) -> (REPEATS, 2, C)."""
    found = []
    for _ in range(REPEATS):
        order = generator.permutation(values.shape[1])
        middle = max(1, len(order) // 2)
        found.append([values[:, part].mean(1) for part in (order[:middle], order[-middle:])])
    return np.array(found)


def _spearman(one: np.ndarray, two: np.ndarray) -> float:
    """Correlation of the ranks; 1 where all of either are equal: nothing is out of order."""
    if not (np.ptp(one) and np.ptp(two)):
        return 1.0
    first, second = (np.argsort(np.argsort(side, kind="stable"), kind="stable") for side in (one, two))
    return float(np.corrcoef(first, second)[0, 1])
