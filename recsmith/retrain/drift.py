"""How the newest events differ from those before them: plain statistics, each with the largest value that is no news.

Distances between distributions are Jensen-Shannon divergences in bits (Lin 1991), 0 for equal and 1 for disjoint ones,
less the most that draws of these sizes from both together show: small batches always look different.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from recsmith.config.retrain import Drift
from recsmith.sources.arrow import pc
from recsmith.tables import columns as c

DRAWS = 20
DAY, HOUR = 86_400, 3_600
TOP = 10


@dataclass(frozen=True)
class Finding:
    """One number and its limit."""

    name: str
    value: float
    limit: float
    text: str

    @property
    def drifted(self) -> bool:
        return self.value > self.limit


@dataclass
class Report:
    """All findings, and the shares that the picture shows: name -> label -> (reference, new)."""

    rows: int
    reference_rows: int
    findings: list[Finding] = field(default_factory=list)
    shares: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)

    @property
    def drifted(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.drifted]

    def as_json(self) -> dict[str, Any]:
        findings = [{**asdict(finding), "drifted": finding.drifted} for finding in self.findings]
        return {"rows": self.rows, "reference_rows": self.reference_rows, "findings": findings, "shares": self.shares}


def compare(
    new: pa.Table, before: pa.Table, users: pa.Array, items: pa.Array, usual: float | None, limits: Drift
) -> Report:
    """``new`` events against those ``before`` them.

    ``before`` is the whole of the reference window or, where that is empty, of the log; ``users`` and ``items`` are all
    that the log knew; ``usual`` is the usual size of a batch.
    """
    report = Report(new.num_rows, before.num_rows)
    active, touched = pc.unique(new[c.USER]), new[c.ITEM]
    newcomers = len(active) - _count(active, users)
    unseen = len(touched) - _count(touched, items)
    factor = 1.0 if not usual else max(new.num_rows / usual, usual / new.num_rows)
    add = report.findings.append
    add(Finding("volume", factor, limits.volume, f"{new.num_rows:,} events, usually {usual or new.num_rows:,.0f}"))
    share = newcomers / len(active)
    add(Finding("population", share, limits.population, f"{newcomers:,} of {len(active):,} active users are new"))
    share = unseen / new.num_rows
    add(Finding("unseen", share, limits.unseen, f"{unseen:,} of {new.num_rows:,} events are with new items"))
    for name, values in (
        ("popularity", lambda table: table[c.ITEM]),
        ("events", lambda table: table[c.EVENT]),
        ("hours", lambda table: hours(table[c.TIMESTAMP])),
    ):
        labels, reference, found = _counted(values(before), values(new))
        distance = excess(found, reference)
        limit = getattr(limits, name)
        add(Finding(name, distance, limit, "Jensen-Shannon divergence beyond what chance gives"))
        report.shares[name] = _shares(labels, reference, found)
    return report


def _count(values: Any, known: pa.Array) -> int:
    return pc.sum(pc.is_in(values, value_set=known)).as_py() or 0


def hours(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """The hour of the day, UTC, as two digits."""
    numbers = (times.to_numpy() % DAY) // HOUR
    return pa.chunked_array([pa.array([f"{hour:02d}" for hour in numbers.tolist()], pa.string())])


def _counted(reference: pa.ChunkedArray, new: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels of both in order, and how often each stands in the reference and in the new. Shapes: (n,) each."""
    both = pa.chunked_array([*reference.chunks, *new.chunks], pa.string()).combine_chunks().dictionary_encode()
    codes, n = both.indices.to_numpy(), len(both.dictionary)
    labels = np.asarray(both.dictionary.to_pylist(), dtype=str)
    order, first = np.argsort(labels), len(reference)
    counts = np.bincount(codes[:first], minlength=n), np.bincount(codes[first:], minlength=n)
    return labels[order], counts[0][order], counts[1][order]


def divergence(first: np.ndarray, second: np.ndarray) -> float:
    """Jensen-Shannon divergence of two counts in bits, 0 where one is empty. Shapes: (n,), (n,)."""
    if not first.sum() or not second.sum():
        return 0.0
    one, two = first / first.sum(), second / second.sum()
    return _entropy((one + two) / 2) - (_entropy(one) + _entropy(two)) / 2


def _entropy(shares: np.ndarray) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log2(some)).sum())


def excess(new: np.ndarray, reference: np.ndarray, draws: int = DRAWS) -> float:
    """The divergence of two counts less the largest of ``draws`` draws of their sizes from both together; at least 0.

    Shapes: (n,) counts of the same labels.
    """
    if not new.sum() or not reference.sum():
        return 0.0
    random = np.random.default_rng(0)
    shares = (new + reference) / (new.sum() + reference.sum())
    sizes = int(new.sum()), int(reference.sum())
    chance = [divergence(*(random.multinomial(size, shares) for size in sizes)) for _ in range(draws)]
    return max(0.0, divergence(new, reference) - max(chance))


def _shares(labels: np.ndarray, reference: np.ndarray, new: np.ndarray) -> dict[str, tuple[float, float]]:
    """The most frequent labels (all where they are few), in their order."""
    total, other = max(1, reference.sum()), max(1, new.sum())
    top = np.arange(len(labels)) if len(labels) <= 24 else np.sort(np.argsort(-(reference / total + new / other))[:TOP])
    return {str(labels[n]): (float(reference[n] / total), float(new[n] / other)) for n in top}
