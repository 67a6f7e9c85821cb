"""The best of those that were measured on a part of the valid users, measured on all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from recsmith.model.record import Record
from recsmith.search.attempt import tried
from recsmith.search.choose import Candidate
from recsmith.search.task import Task


def rescore(task: Task, rows: Sequence[Candidate], say: Callable[[str], None]) -> list[Candidate]:
    """``rows`` with the records of the best ``task.rescore`` of them replaced by records on all valid users."""
    metric, whole, again = task.budget.metric, task.on_all_users(), {}
    for record in finalists(rows, metric, task.rescore):
        if record.architecture is not None:
            again[record.key], _ = tried(whole, record.architecture, whole.key(record.architecture))
            say(_line(record, again[record.key], metric))
    return [replace(row, record=again.get(row.record.key, row.record)) for row in rows]


def finalists(rows: Sequence[Candidate], metric: str, number: int) -> list[Record]:
    """The best ``number`` different candidates measured on a part of the valid users; the first of equals first."""
    partial = [row for row in rows if row.record.users is not None and row.value(metric) is not None]
    ordered = sorted(partial, key=lambda row: (-(row.value(metric) or 0.0), row.number))
    return list({row.record.key: row.record for row in ordered}.values())[:number]


def _line(before: Record, now: Record, metric: str) -> str:
    value = f"{now.metrics[metric]:.4f}" if now.status == "done" else now.status
    return f"{metric} {value} on all valid users ({before.metrics[metric]:.4f} on {before.users:,})  {now.describe()}"
