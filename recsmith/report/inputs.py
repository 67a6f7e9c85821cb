"""Everything that a report is made of, as plain values; the caller reads the files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from recsmith.model.names import BASELINES, cutoffs_of, headline_cutoff

Row = dict[str, Any]
ORDER = ("full", "bundle", *BASELINES)


@dataclass(frozen=True)
class Person:
    """One user as shown: the latest of the history, and what is recommended; titles, or ids where there are none."""

    user_id: str
    activity: int
    history: list[str]
    recommended: list[str]
    found: list[bool]
    """Whether each recommendation is among what the user turned to in the test."""
    quality: float | None = None
    """The user's NDCG by the bundle; None where the test holds nothing of the user."""


@dataclass(frozen=True)
class Inputs:
    """Contents of the line's files. Empty where a file holds nothing or is not there."""

    source: Row
    """Where the data came from."""
    metrics: Row
    """The evaluation: ``split``, ``users``, ``models``, ``paired``, ``oracle``, ``contest``."""
    best: Row
    """The search's winner, with its ``architecture``."""
    metric: str = "ndcg@20"
    """What the search maximised."""
    confidence: float = 0.95
    """Of the intervals."""
    slices: list[Row] = field(default_factory=list)
    trials: list[Row] = field(default_factory=list)
    """Search trials: ``trial``, ``family``, ``label``, ``status``, ``value``, ``best``, ``error``."""
    records: list[Row] = field(default_factory=list)
    """Baseline records."""
    training: list[Row] = field(default_factory=list)
    """``run`` (candidate, final), ``epoch``, ``loss`` and the metric where it was measured."""
    pareto: list[Row] = field(default_factory=list)
    """Recipes: ``recipe``, ``export``, ``bytes``, ``ratio``, ``retained``, ``value`` (the metric on valid) with ``low``
    and ``high``, ``cost``, ``p99_ms`` (measured, or None), ``front``, ``chosen``."""
    gate: float | None = None
    """The lowest quality on valid that compression would have let through."""
    choice: Row = field(default_factory=dict)
    """What compression chose: ``recipe``, ``metrics`` and ``slices`` on valid, ``bytes`` (``chosen``, ``export``)."""
    checks: Row = field(default_factory=dict)
    """The report of the data checks."""
    audit: Row = field(default_factory=dict)
    stats: Row = field(default_factory=dict)
    timing: dict[str, Row] = field(default_factory=dict)
    """What each stage measured."""
    watched: list[int] = field(default_factory=list)
    """How often each item was touched before the test."""
    recommended: list[int] = field(default_factory=list)
    """How often each item stands in the bundle's lists, in the same order."""
    people: list[Person] = field(default_factory=list)
    lineage: Row = field(default_factory=dict)

    @property
    def models(self) -> dict[str, Row]:
        """The models that answered, by name, the winner first."""
        return {name: model for name, model in self.entered.items() if model.get("test")}

    @property
    def entered(self) -> dict[str, Row]:
        """All models in the order of ``ORDER``; others after them."""
        found = self.metrics["models"]
        names = [name for name in ORDER if name in found]
        return {name: found[name] for name in [*names, *sorted(set(found) - set(names))]}

    @property
    def left_out(self) -> dict[str, str]:
        """Models without an answer, and why."""
        missing = {name: model for name, model in self.entered.items() if not model.get("test")}
        return {name: model.get("note") or "no result" for name, model in missing.items()}

    @property
    def cutoff(self) -> int:
        """The cut-off of the headline: 20 where it is measured, else the largest."""
        return headline_cutoff(cutoffs_of(self.models["full"]["test"]))

    @property
    def headline(self) -> str:
        """The metric of the headline: what was searched for, where it is measured on the test."""
        return self.metric if self.metric in self.models["full"]["test"] else f"ndcg@{self.cutoff}"

    @property
    def second(self) -> str:
        """What is shown beside NDCG: what was searched for where that is another metric, else recall."""
        return self.headline if self.headline != f"ndcg@{self.cutoff}" else f"recall@{self.cutoff}"

    @property
    def strongest(self) -> str | None:
        """The baseline with the highest headline metric on the test; None without baselines."""
        baselines = [name for name in self.models if name not in ("full", "bundle")]
        return max(baselines, key=lambda name: self.models[name]["test"][self.headline], default=None)

    @property
    def twin(self) -> str | None:
        """The baseline that won the search itself; None where a trial won."""
        return str(self.best["record"]["name"]) if self.best.get("source") == "baseline" else None
