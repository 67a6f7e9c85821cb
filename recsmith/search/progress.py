"""What the person at the console sees of a search: one line a trial."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from recsmith.model.record import Record
from recsmith.search.store import Answer, Store
from recsmith.search.task import Task


class Progress:
    """Prints a line for each trial once, with the best so far."""

    def __init__(self, task: Task, say: Callable[[str], None]) -> None:
        self.task, self.say = task, say
        self.best: float | None = None
        self.shown: set[tuple[int, str]] = set()

    def show(self, answer: Answer) -> None:
        """One line for a trial, and the traceback of one that failed."""
        if (answer.number, answer.key) in self.shown:
            return
        self.shown.add((answer.number, answer.key))
        record = Store(Path(self.task.folder)).load(answer.key)
        if record is None:
            return
        if record.status == "done":
            value = record.metrics[self.task.budget.metric]
            if record.fidelity == 1:
                self.best = value if self.best is None else max(self.best, value)
        self.say(self._line(answer, record))
        if record.error and not answer.known:
            self.say(record.error.rstrip())

    def _line(self, answer: Answer, record: Record) -> str:
        metric, width = self.task.budget.metric, len(str(self.task.trials))
        place = f"[{answer.number + 1:>{width}}/{self.task.trials}]"
        best = f" (best {self.best:.4f})" if self.best is not None else ""
        result = f"{metric} {record.metrics[metric]:.4f}" if record.status == "done" else record.status
        result += f" on {record.users:,} users" if record.users is not None else ""
        result += f" at {record.fidelity:.0%} of the budget" if record.fidelity < 1 else ""
        took = "known" if answer.known else f"{answer.seconds:.1f} s"
        return f"{place} {result}{best}  {record.describe()}  {took}"
