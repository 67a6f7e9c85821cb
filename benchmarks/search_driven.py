"""One search in a process that holds nothing else: ``python -m benchmarks.search_driven HOW TASK WORK``.

Prints one row of :mod:`benchmarks.search_overhead` as JSON, last.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from recsmith.search import attempt, nni_experiment, plain
from recsmith.search.store import Answer
from recsmith.search.task import Task


def main(how: str, task_file: str, work: str) -> None:
    """Search, and say how long it took, what fits took, and what this process holds at the end."""
    task, fits = Task.load(task_file), _timed_fits() if how == "in process" else []
    drivers: dict[str, Callable[[], list[Answer]]] = {
        "in process": lambda: plain.search(task),
        "as a process": lambda: nni_experiment.search(task, Path(work), lambda text: print(text, file=sys.stderr)),
    }
    started = time.perf_counter()
    answers = drivers[how]()
    seconds, held = time.perf_counter() - started, psutil.Process().memory_info().rss / 2**20
    print(json.dumps({"how": how, "trials": len(answers), "seconds": seconds, "fits": fits, "driver_mb": held}))


def _timed_fits() -> list[float]:
    """The seconds of every fit of this process, in order, the first without what it has to load."""
    import recsmith.engine.fit
    import recsmith.engine.rank.evaluate  # noqa: F401  loaded by the first fit else

    inner, seconds = attempt._fitted, list[float]()

    def fitted(*given: Any) -> Any:
        started = time.perf_counter()
        try:
            return inner(*given)
        finally:
            seconds.append(time.perf_counter() - started)

    attempt._fitted = fitted
    return seconds


if __name__ == "__main__":
    main(*sys.argv[1:])
