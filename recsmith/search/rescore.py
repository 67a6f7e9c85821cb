"""The best of those that were measured in a cheaper way, measured as all others are before one of them is crowned.

Filters on a part of the valid users are measured on all of them; networks that began from the weights of an earlier
trial are trained from their own start, stopped early as ever: the stage that trains the winner has no parent to begin
from, and what such a trial reached, and in how many epochs, is its ancestors' doing too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from recsmith.model.record import Record
from recsmith.search.attempt import tried
from recsmith.search.choose import Candidate
from recsmith.search.task import Task

Say = Callable[[str], None]


def rescore(task: Task, rows: Sequence[Candidate], say: Say) -> list[Candidate]:
    """``rows`` with the records of the best ``task.rescore`` filters on some users replaced by records on all."""
    chosen = finalists(rows, task.budget.metric, task.rescore)
    return _again(task.on_all_users(), rows, chosen, "on all valid users", say)


def finalists(rows: Sequence[Candidate], metric: str, number: int) -> list[Record]:
    """The best ``number`` different candidates that were measured on a part of the valid users."""
    return _best([row for row in rows if row.record.users is not None], metric, number)


def refit(task: Task, rows: Sequence[Candidate], say: Say) -> list[Candidate]:
    """``rows`` with the records of the best ``task.finalists`` networks that inherited replaced by those from nothing.

    Those that had a part of the budget stay what they are: others had more.
    """
    heirs = [row for row in rows if row.record.parent is not None and row.record.fidelity == 1]
    return _again(task.cold(), rows, _best(heirs, task.budget.metric, task.finalists), "from its own start", say)


def _best(rows: Iterable[Candidate], metric: str, number: int) -> list[Record]:
    """The best ``number`` different finished candidates; the first of equals first."""
    done = [row for row in rows if row.value(metric) is not None]
    ordered = sorted(done, key=lambda row: (-(row.value(metric) or 0.0), row.number))
    return list({row.record.key: row.record for row in ordered}.values())[:number]


def _again(task: Task, rows: Sequence[Candidate], records: Sequence[Record], how: str, say: Say) -> list[Candidate]:
    again: dict[str, Record] = {}
    for record in records:
        if record.architecture is not None:
            again[record.key], _ = tried(task, record.architecture, task.key(record.architecture))
            say(_line(record, again[record.key], task.budget.metric, how))
    return [replace(row, record=again.get(row.record.key, row.record)) for row in rows]


def _line(before: Record, now: Record, metric: str, how: str) -> str:
    value = f"{now.metrics[metric]:.4f}" if now.status == "done" else now.status
    users = "" if before.users is None else f" on {before.users:,}"
    return f"{metric} {value} {how} ({before.metrics[metric]:.4f}{users} before)  {now.describe()}"
