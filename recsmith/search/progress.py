"""What the person at the console sees of a search: a live table in a terminal, else one line a trial."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from recsmith.errors import UserError
from recsmith.model.architecture import describe
from recsmith.model.record import Record
from recsmith.search.attempt import identify
from recsmith.search.board import Board
from recsmith.search.store import Answer, Store
from recsmith.search.task import Task
from recsmith.search.tree import NUMBER


class Progress:
    """Shows each trial once, with the best so far. As a context it draws a live table where stdout is a terminal."""

    def __init__(self, task: Task, say: Callable[[str], None], board: Board | None = None) -> None:
        self.task, self.say, self.board = task, say, board
        self.best: float | None = None
        self.shown: set[tuple[int, str]] = set()

    def __enter__(self) -> Progress:
        if self.board is None and sys.stdout.isatty():
            self.board = Board(self.task.trials, self.task.concurrency, self.task.budget.metric)
        if self.board is not None:
            self.board.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.board is not None:
            self.board.stop()

    def show(self, answer: Answer) -> None:
        """One line or row for a trial, and the traceback of one that failed."""
        if (answer.number, answer.key) in self.shown:
            return
        record = Store(Path(self.task.folder)).load(answer.key)
        if record is None:
            return
        self.shown.add((answer.number, answer.key))
        if record.status == "done" and record.fidelity == 1 and record.parent is None:
            value = record.metrics[self.task.budget.metric]
            self.best = value if self.best is None else max(self.best, value)
        if self.board is not None:
            self.board.take(answer.number, self._row(answer, record), None if answer.known else answer.seconds)
        else:
            self.say(self._line(answer, record))
        if record.error and not answer.known:
            self.say(record.error.rstrip())

    def running(self, proposals: Iterable[dict[str, Any]]) -> None:
        """What trials work on now; told by the table only."""
        if self.board is not None:
            self.board.now({proposal[NUMBER]: self._named(proposal) for proposal in proposals})

    def _named(self, proposal: dict[str, Any]) -> str:
        candidate, _ = identify(self.task, proposal)
        return str(candidate) if isinstance(candidate, UserError) else describe(candidate)

    def _row(self, answer: Answer, record: Record) -> tuple[str, ...]:
        """The columns of ``recsmith.search.board``."""
        done, metric = record.status == "done", self.task.budget.metric
        value = f"{record.metrics[metric]:.4f}" if done else record.status
        best = f"{self.best:.4f}" if self.best is not None else ""
        took = "known" if answer.known else f"{answer.seconds:.1f}"
        return str(answer.number + 1), record.describe(), f"{record.fidelity:.0%}", value, best, took

    def _line(self, answer: Answer, record: Record) -> str:
        metric, width = self.task.budget.metric, len(str(self.task.trials))
        place = f"[{answer.number + 1:>{width}}/{self.task.trials}]"
        best = f" (best {self.best:.4f})" if self.best is not None else ""
        result = f"{metric} {record.metrics[metric]:.4f}" if record.status == "done" else record.status
        result += f" on {record.users:,} users" if record.users is not None else ""
        result += f" at {record.fidelity:.0%} of the budget" if record.fidelity < 1 else ""
        result += " from an earlier one's weights" if record.parent is not None else ""
        took = "known" if answer.known else f"{answer.seconds:.1f} s"
        return f"{place} {result}{best}  {record.describe()}  {took}"
