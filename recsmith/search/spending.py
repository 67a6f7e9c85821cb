"""What a search may spend: trials, epochs over all trials, seconds."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from recsmith.search.store import Answer
from recsmith.search.task import Task


@dataclass
class Spending:
    """Counts from when it is made; no new trial begins where one of the three is used up."""

    task: Task
    started: float = field(default_factory=time.monotonic)

    def used_up(self, answers: Iterable[Answer]) -> bool:
        """Whether these answers, or the time, are all that the budget allows."""
        found, task = list(answers), self.task
        if len(found) >= task.trials:
            return True
        if task.total_epochs is not None and sum(answer.epochs for answer in found) >= task.total_epochs:
            return True
        return task.seconds is not None and time.monotonic() - self.started >= task.seconds
