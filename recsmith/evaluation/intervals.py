"""How sure the averages are: bootstrap over users, the same resamples for every model, so differences are paired."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLOCK = 4_000_000
"""Drawn users held at once."""


@dataclass(frozen=True)
class Bootstrap:
    """Averages over resampled users (Efron and Tibshirani 1993, chapter 13: percentile intervals).

    Shapes: mean (M,), resampled (resamples, M).
    """

    names: tuple[str, ...]
    mean: np.ndarray
    resampled: np.ndarray
    confidence: float

    def interval(self, name: str) -> list[float]:
        """[low, high] of one average."""
        return self._percentiles(self.resampled[:, self.names.index(name)])

    def paired(self, first: str, second: str) -> dict[str, float | list[float]]:
        """The average difference ``first - second``, its interval and its two-sided bootstrap p-value.

        p is twice the smaller share of resamples on either side of 0, each with one added to both counts
        (Davison and Hinkley 1997, section 4.2), so it is never 0.
        """
        one, two = self.names.index(first), self.names.index(second)
        difference = self.resampled[:, one] - self.resampled[:, two]
        tail = min(np.count_nonzero(difference <= 0), np.count_nonzero(difference >= 0))
        p = min(1.0, 2 * (tail + 1) / (len(difference) + 1))
        mean = float(self.mean[one] - self.mean[two])
        return {"difference": mean, "interval": self._percentiles(difference), "p": float(p)}

    def _percentiles(self, values: np.ndarray) -> list[float]:
        tail = (1 - self.confidence) / 2
        return [float(value) for value in np.quantile(values, [tail, 1 - tail])]


def bootstrap(values: dict[str, np.ndarray], resamples: int, confidence: float, seed: int) -> Bootstrap:
    """Resample users with replacement; every column sees the same users.

    Shapes: values name -> (n,) with n >= 1.
    """
    table = np.stack(list(values.values()), axis=1).astype(np.float64)
    random = np.random.default_rng([seed, 1])
    rows = max(1, BLOCK // len(table))
    blocks = [_resample(table, min(rows, resamples - start), random) for start in range(0, resamples, rows)]
    return Bootstrap(tuple(values), table.mean(0), np.concatenate(blocks), confidence)


def _resample(table: np.ndarray, resamples: int, random: np.random.Generator) -> np.ndarray:
    """Averages of draws, as one product of how often each user was drawn. Shapes: (n, M) -> (resamples, M)."""
    n = len(table)
    drawn = random.integers(n, size=(resamples, n)) + np.arange(resamples)[:, None] * n
    times = np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n)
    return times.astype(np.float64) @ table / n
