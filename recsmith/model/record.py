"""What is written down about one candidate: a baseline and a search trial alike."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field

from recsmith.config.base import Section, parse
from recsmith.files import digest, read_json, write_json
from recsmith.model.architecture import Architecture, describe

CUTOFFS = (5, 10, 20)
Knob = bool | int | float | str


class Record(Section):
    """One candidate tried on valid; no durations, so that equal runs give equal records."""

    name: str
    """A baseline's name, or ``trial``."""
    source: Literal["baseline", "search"]
    key: str
    """Hash of what was tried and how; equal candidates have equal keys."""
    architecture: Architecture | None = None
    knobs: dict[str, Knob] = Field(default_factory=dict)
    """What is set beside the architecture."""
    status: Literal["done", "failed", "sized_out"] = "done"
    metrics: dict[str, float] = Field(default_factory=dict)
    """Valid metrics by name (``ndcg@20``); empty unless done."""
    users: int | None = None
    """How many drawn valid users they average over; None: all of them."""
    fidelity: float = Field(default=1.0, gt=0, le=1)
    """The share of the budget (epochs or edges) that it was given."""
    seed_values: tuple[float, ...] = ()
    """The metric searched for with each seed, the first as of all trials; empty: one seed. ``metrics`` are means."""
    fold_values: tuple[float, ...] = ()
    """The same on each split of a repeated hold-out; empty: on valid."""
    epochs: int = 0
    """The best epoch; 0 where nothing is trained in epochs."""
    trained: int = 0
    """How many epochs it took to find that out."""
    threshold: float | None = None
    """The score that tells valid pairs from sampled non-pairs best, where the model is too costly to make again."""
    parent: str | None = None
    """Key of the trial whose weights a network began from; None: it began from its own start."""
    error: str | None = None
    chosen: bool = False
    """The best of its name on the metric searched for."""

    @property
    def partial(self) -> bool:
        """Whether it was given less than the budget, or more by an earlier trial, or measured on a part of valid.

        Nobody's best then.
        """
        return self.users is not None or self.fidelity < 1 or self.parent is not None

    def describe(self) -> str:
        """One line for tables and logs."""
        if self.architecture is not None:
            return describe(self.architecture)
        knobs = " ".join(
            f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in self.knobs.items()
        )
        return f"{self.name} {knobs}".strip()


def record_key(
    name: str, candidate: Architecture | None, knobs: dict[str, Knob], budget: dict[str, Knob | None]
) -> str:
    """The key of a record: the hash of the candidate and everything else that decides its result."""
    values = candidate.model_dump(mode="json") if candidate is not None else None
    return digest({"name": name, "architecture": values, "knobs": knobs, "budget": budget})


def cutoffs_with(metric: str, cutoffs: Iterable[int] = CUTOFFS) -> tuple[int, ...]:
    """``cutoffs`` and the one of ``metric`` (``ndcg@50`` -> 50), ascending."""
    return tuple(sorted({*cutoffs, int(metric.partition("@")[2])}))


def best(records: Iterable[Record], metric: str) -> Record | None:
    """The finished record with the highest ``metric``, the first of equals; None where none is finished."""
    done = [record for record in records if record.status == "done" and metric in record.metrics]
    return max(done, key=lambda record: record.metrics[metric], default=None)


def choose(records: list[Record], metric: str) -> list[Record]:
    """``records`` with the best of each name flagged, on ``metric``."""
    names = dict.fromkeys(record.name for record in records)
    winners = [best((record for record in records if record.name == name), metric) for name in names]
    return [record.model_copy(update={"chosen": any(record is winner for winner in winners)}) for record in records]


def write_records(path: Path | str, records: list[Record]) -> None:
    """Write a list of records as JSON."""
    write_json(path, [record.model_dump(mode="json") for record in records])


def read_records(path: Path | str) -> list[Record]:
    """Read what :func:`write_records` wrote; UserError names what does not fit."""
    return [parse(value, Record, f"{path}[{number}]") for number, value in enumerate(read_json(path))]
