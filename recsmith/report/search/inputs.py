"""What the page of the search is made of, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from recsmith.report.inputs import Row
from recsmith.search.importance import FEWEST, importance

Value = bool | int | float | str


@dataclass(frozen=True)
class Trial:
    """A row of ``trials.csv``; ``number`` 0 is what was there before the first trial."""

    number: int
    key: str
    name: str
    """A baseline's name, else ``trial``."""
    family: str
    text: str
    """The architecture in one line."""
    status: str
    value: float | None
    """The metric on valid; None where the trial did not finish."""
    knobs: dict[str, Value] = field(default_factory=dict)
    """The knobs that the candidate reads."""
    fidelity: float = 1.0
    parent: str = ""
    """Key of the trial whose weights it began from."""
    users: int | None = None
    """How many drawn valid users it was measured on; None: all."""
    epochs: int = 0
    """The best epoch."""
    seconds: float | None = None
    error: str = ""

    @property
    def final(self) -> float | None:
        """The metric where all valid users, the whole budget and nothing beyond it stand behind it."""
        return self.value if self.users is None and self.fidelity == 1 and not self.parent else None


@dataclass(frozen=True)
class SearchInputs:
    """Contents of the search's files."""

    source: Row
    """Where the data came from."""
    metric: str
    strategy: str
    best: Row
    """``best.json``."""
    rows: list[Trial]
    """Everything in ``trials.csv``."""
    baselines: dict[str, float] = field(default_factory=dict)
    """Each tuned baseline's metric on valid."""
    node_scores: list[Row] = field(default_factory=list)
    """What modules and connections of a supernet contribute: ``node``, ``kind``, ``operator``, ``delta``."""
    pareto: list[Row] = field(default_factory=list)
    """Rows of ``pareto.csv``: ``number``, ``name``, ``metric``, ``bytes``, ``cost``, ``on_front``."""
    trust: Row = field(default_factory=dict)
    """``trust.json``: what of the best value is luck."""

    @property
    def trials(self) -> list[Trial]:
        """What the search tried, in its order."""
        return [row for row in self.rows if row.number > 0]

    @property
    def finished(self) -> list[Trial]:
        """Trials with a metric."""
        return [trial for trial in self.trials if trial.value is not None]

    @property
    def comparable(self) -> list[Trial]:
        """Trials whose metrics may be held against each other: finished, with the whole budget, of one form each."""
        return [trial for trial in self.finished if trial.fidelity == 1 and trial.family != "blend"]

    @property
    def winner(self) -> Trial | None:
        """The row that was crowned; None where the files do not say."""
        key = self.best.get("record", {}).get("key")
        return next((row for row in reversed(self.rows) if row.key == key), None)

    def importance(self) -> dict[str, float]:
        """Each knob's share; empty where trials are too few."""
        rows = self.comparable
        values = [trial.value for trial in rows if trial.value is not None]
        return importance([trial.knobs for trial in rows], values) if len(rows) >= FEWEST else {}


def number(text: str | None) -> float | None:
    """A number, or None for an empty field."""
    return float(text) if text else None


def value_of(text: str) -> Value:
    """A field of a CSV file as what it stands for."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def plain(value: Any) -> str:
    """A knob's value as it stands on an axis."""
    return f"{value:g}" if isinstance(value, float) else str(value)
