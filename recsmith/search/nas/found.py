"""What a trained supernet says, in a file beside the trials, and the table that is made of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from recsmith.config.base import Section, parse
from recsmith.files import digest, read_json, write_json
from recsmith.search.task import Task


class Score(Section):
    """What a module or a connection contributes: a row of ``node_scores.csv``."""

    node: str
    """``2``: layer 2; ``0->2``: what layer 2 reads of the id embeddings (numbers as in ``recsmith.model.cell``)."""
    kind: Literal["module", "connection"]
    operator: str
    """Of a module; empty for connections."""
    loss_with: float
    loss_without: float
    metric_with: float
    metric_without: float


class Found(Section):
    """The ranking of a supernet's paths and the scores of its nodes."""

    proposals: list[dict[str, Any]]
    """The best first."""
    values: list[float]
    """The metric of each with the shared weights."""
    scores: list[Score]


def load(task: Task) -> Found | None:
    """What the supernet of a task said; None where it was not trained."""
    place = _place(task)
    return parse(read_json(place), Found, str(place)) if place.exists() else None


def save(task: Task, found: Found) -> None:
    """Keep what the supernet of a task says."""
    write_json(_place(task), found.model_dump(mode="json"))


def _place(task: Task) -> Path:
    name = digest([task.strategy, task.space.model_dump(mode="json")])
    return Path(task.folder) / "supernets" / f"{name}.json"


def node_scores_csv(task: Task) -> str:
    """``node_scores.csv`` of the supernet that was trained for a task; the head alone where none was."""
    found = load(task)
    return table(found.scores if found else [], task.budget.metric)


def table(rows: Iterable[Score], metric: str) -> str:
    """``delta`` is the loss without it minus the loss with it: above 0 it helps."""
    head = ["node", "kind", "operator", "loss_with", "loss_without", "delta", f"{metric}_with", f"{metric}_without"]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *map(_row, rows)])
    return text.getvalue()


def _row(row: Score) -> list[object]:
    start = [row.node, row.kind, row.operator, row.loss_with, row.loss_without, row.loss_without - row.loss_with]
    return [*start, row.metric_with, row.metric_without]
