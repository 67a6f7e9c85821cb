"""Curves of regret, and the paired difference of a strategy to random search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from scipy import stats

from benchmarks.common import table

CONFIDENCE = 0.95
POINTS = (1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 40, 60, 80, 100, 150, 200)


def regrets(rows: Sequence[dict[str, Any]], best: float, trials: int) -> str:
    """How far the best so far lies below ``best`` after so many whole trials, on average over seeds."""
    points = [point for point in POINTS if point < trials] + [trials]
    curves: dict[str, list[Any]] = {}
    for row in rows:
        if row["curve"]:
            curves.setdefault(row["strategy"], []).append(row["curve"])
    lines = [[name, *(_regret(found, best, point) for point in points)] for name, found in curves.items()]
    return table(["regret after", *map(str, points)], lines)


def _regret(curves: Sequence[Any], best: float, point: float) -> float | None:
    """None where a run had no whole trial by then."""
    reached = [max((value for spent, value in curve if spent <= point + 1e-9), default=None) for curve in curves]
    known = [value for value in reached if value is not None]
    return best - float(np.mean(known)) if len(known) == len(reached) else None


class Found(Protocol):
    """What one of several searches found."""

    @property
    def strategy(self) -> str:
        """What it is called."""
        ...

    @property
    def seed(self) -> int:
        """Which others it is paired with."""
        ...

    @property
    def best_valid(self) -> float | None:
        """The best on valid; None without any."""
        ...


def compared(runs: Sequence[Found], against: str = "random") -> list[dict[str, Any]]:
    """For every other strategy, the mean of its best minus random's with the same seed, with Student's interval.

    Only seeds that both finished; no interval from fewer than two.
    """
    found = {(run.strategy, run.seed): run.best_valid for run in runs if run.best_valid is not None}
    rows = []
    for name in dict.fromkeys(run.strategy for run in runs if run.strategy != against):
        seeds = [seed for other, seed in found if other == name and (against, seed) in found]
        gains = np.array([found[name, seed] - found[against, seed] for seed in seeds])
        if len(gains):
            low, high = interval(gains)
            rows.append(
                {f"minus {against}": name, "pairs": len(gains), "mean": float(gains.mean()), "low": low, "high": high}
            )
    return rows


def interval(gains: np.ndarray) -> tuple[float | None, float | None]:
    """Student's interval of the mean of paired differences (n,) at ``CONFIDENCE``."""
    if len(gains) < 2:
        return None, None
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains))
    return float(gains.mean() - half), float(gains.mean() + half)
