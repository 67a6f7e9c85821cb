"""One search with one strategy and one seed, and how its best grew with what it spent."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nni

from recsmith.errors import UserError
from recsmith.search import drive
from recsmith.search.attempt import FAILURES, answer
from recsmith.search.refine import rounds
from recsmith.search.space import SearchSpace
from recsmith.search.store import Answer, Store
from recsmith.search.strategies import STRATEGIES, make, settings_of
from recsmith.search.task import Task
from recsmith.search.tree import FIDELITY

Make = Callable[[str, int], Task]
"""The task of a strategy and a seed."""
ROUNDING = 1e-9


@dataclass
class Run:
    """What came of a search."""

    strategy: str
    seed: int
    trials_done: int = 0
    curve: list[tuple[float, float]] = field(default_factory=list)
    """Whole trials spent -> best on valid so far, wherever that grew; parts of a trial are nobody's best."""
    seconds: float = 0.0
    error: str | None = None

    @property
    def best_valid(self) -> float | None:
        """The best of all whole trials; None without any."""
        return self.curve[-1][1] if self.curve else None

    def row(self) -> dict[str, Any]:
        """Everything, by name."""
        return {
            "strategy": self.strategy,
            "seed": self.seed,
            "trials_done": self.trials_done,
            "best_valid": self.best_valid,
            "seconds": self.seconds,
            "error": self.error,
            "curve": [list(point) for point in self.curve],
        }

    def line(self) -> str:
        """What a person should see as soon as it is done."""
        found = self.error or f"{self.best_valid:.4f} after {self.trials_done} trials"
        return f"{self.strategy}, seed {self.seed}: {found}, {self.seconds:.1f} s"


def searched(name: str, seed: int, make_task: Make) -> Run:
    """Search; what ends the search early is a run with the reason."""
    run, started = Run(name, seed), time.perf_counter()
    spent = 0.0
    try:
        task = make_task(name, seed)
        for one in _answers(task):
            spent, run.trials_done = spent + _share(one), run.trials_done + 1
            if _is_whole(task, one) and (run.best_valid is None or one.value > run.best_valid):
                run.curve.append((round(spent, 6), one.value))
    except UserError as error:
        run.error = str(error)
    except FAILURES:
        run.error = traceback.format_exc()
    run.seconds = round(time.perf_counter() - started, 3)
    return run


def _is_whole(task: Task, one: Answer) -> bool:
    record = Store(Path(task.folder)).load(one.key)
    return record is not None and record.status == "done" and not record.partial


def _share(one: Answer) -> float:
    """What a trial cost, of a whole one."""
    return one.parameters.get(FIDELITY, 1.0)


def _answers(task: Task) -> Iterable[Answer]:
    """Answers in their order."""
    drive.check(task)
    if STRATEGIES[task.strategy].driver != "tuner":
        # These run in this process whoever drives them.
        return drive.search(task, Path(task.folder), silent)
    return rounds(task, lambda one: list(_asked(one)), silent) if task.refine else _asked(task)


def silent(text: str) -> None:
    """Say nothing: a benchmark prints its own lines."""


def _asked(task: Task) -> Iterator[Answer]:
    """Ask a tuner and tell it, here, until the budget is spent or the space is used up."""
    nni.silence_stdout()
    tuner = make(task.strategy, settings_of(task))
    tuner.update_search_space(SearchSpace(task.space).tree)
    left, number = float(task.trials), 0
    while proposals := tuner.generate_multiple_parameters([number]):
        share = proposals[0].get(FIDELITY, 1.0)
        if share > left + ROUNDING:
            return
        one = answer(task, proposals[0])
        tuner.receive_trial_result(number, proposals[0], one.value, key=one.key)
        left, number = left - share, number + 1
        yield one
