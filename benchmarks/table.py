"""A stored table of candidates with what training gave: read, written, and laid out as the records of a search."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from recsmith.config.base import Run, Section, parse
from recsmith.config.search import Search, Space
from recsmith.errors import UserError
from recsmith.files import digest, read_json, write_json
from recsmith.model.architecture import Architecture, architecture
from recsmith.model.record import Record
from recsmith.search.attempt import failed
from recsmith.search.space import SearchSpace, space_of
from recsmith.search.store import Store
from recsmith.search.task import Task, budget_of, planned
from recsmith.search.tree import flat


class Row(Section):
    """One candidate, named by its proposal or its architecture."""

    proposal: dict[str, Any] | None = None
    architecture: dict[str, Any] | None = None
    status: Literal["done", "failed", "sized_out"] = "done"
    metrics: dict[str, float] = Field(default_factory=dict)
    """On valid."""
    epochs: int = 0
    curve: dict[int, float] = Field(default_factory=dict)
    """Epoch -> the metric searched for; what a trial of fewer epochs would have seen."""
    seconds: float = 0.0
    error: str | None = None


class Table(Section):
    """All candidates of a space on one data set."""

    data: str
    search: Search
    run: Run = Run()
    graph: str = ""
    """Hash of what was learnt from."""
    rows: tuple[Row, ...] = ()
    measured_on: dict[str, Any] = Field(default_factory=dict)

    @property
    def space(self) -> SearchSpace:
        """The space that the table fills."""
        return space_of(self.search, "table: search")

    def narrowed(self) -> Table:
        """The table with a space of the values that stand in its rows: presets have grown since it was made."""
        knobs = self.space.knobs
        seen: dict[str, list[Any]] = {}
        for row in self.rows:
            for name, value in flat(row.proposal or {}).items():
                seen.setdefault(name, []).append(value)
        kept = {
            name: [one for one in getattr(knobs, name) if one in seen[name]]
            for name in seen.keys() & set(Space.model_fields)
        }
        return self.over(knobs.model_copy(update={name: tuple(values) for name, values in kept.items()}))

    def over(self, knobs: Space) -> Table:
        """The table over a space whose knobs are all named, so that no preset can change it."""
        return self.model_copy(update={"search": self.search.model_copy(update={"space": knobs})})

    def save(self, path: Path) -> None:
        """Write the table, whole or not at all."""
        write_json(path, self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def load(cls, path: Path | str) -> Table:
        """Read a table, packed (``.json.gz``) or not; UserError where it is none."""
        packed = str(path).endswith(".gz")
        values = json.loads(gzip.decompress(Path(path).read_bytes())) if packed else read_json(path)
        return parse(values, cls, str(path))

    def candidates(self) -> list[tuple[Architecture, Row]]:
        """Every row with its architecture; UserError where a candidate of the space has none."""
        found = [(self._candidate(row), row) for row in self.rows]
        missing = self.space.size - len({digest(candidate.model_dump(mode="json")) for candidate, _ in found})
        if missing:
            raise UserError(
                f"The table of {self.data} lacks {missing} of the {self.space.size} candidates of its space. "
                "Fill it with `python -m benchmarks.search_table`, or narrow its space."
            )
        return found

    def _candidate(self, row: Row) -> Architecture:
        if row.architecture is not None:
            return architecture(row.architecture, "table: architecture")
        return self.space.architecture(row.proposal)

    def task(self, folder: Path, strategy: str, trials: int, seed: int) -> Task:
        """A search over the table that keeps its records below ``folder``."""
        search = self.search.model_copy(update={"strategy": strategy, "trials": trials, "published": 0})
        run = self.run.model_copy(update={"seed": seed})
        budget = budget_of(search, run, self.graph, self.data)
        return planned(search, run, self.space, budget, folder, folder, folder)


def lay_out(table: Table, task: Task, shares: Iterable[float] = (1.0,)) -> None:
    """Put the table's rows into the store of ``task``, whole and as trials that got ``shares`` of the epochs."""
    rows = table.candidates()
    store = Store(Path(task.folder))
    for share in shares:
        part = task.at(share)
        store.fill(_record(row, candidate, part, table.search) for candidate, row in rows)


def _record(row: Row, candidate: Architecture, task: Task, search: Search) -> Record:
    key = task.key(candidate)
    if row.status != "done":
        return failed(candidate, key, row.error or row.status, row.status)
    share = task.budget.fidelity
    metrics = row.metrics if share == 1 else {search.metric: _reached(row, math.ceil(share * search.max_epochs))}
    found = Record(name="trial", source="search", key=key, architecture=candidate, metrics=metrics)
    return found.model_copy(update={"epochs": row.epochs, "fidelity": share})


def _reached(row: Row, epochs: int) -> float:
    """The best that a trial of ``epochs`` epochs would have seen: its training repeats the longer one exactly."""
    return max(value for epoch, value in row.curve.items() if epoch <= epochs)
