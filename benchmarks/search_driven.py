"""One search in a process that holds nothing else: ``python -m benchmarks.search_driven HOW TASK WORK``.

Prints one row of :mod:`benchmarks.search_overhead` as JSON, last.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
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
    before, started = _cpu(), time.perf_counter()
    answers = drivers[how]()
    seconds, cpu = time.perf_counter() - started, _cpu() - before
    held = psutil.Process().memory_info().rss / 2**20
    found = {"how": how, "trials": len(answers), "seconds": seconds, "cpu": cpu, "driver_mb": held}
    print(json.dumps({**found, "fits": [one for one, _ in fits], "fits_cpu": [other for _, other in fits]}))


def _cpu() -> float:
    """Seconds of processors that this process and all that it has seen end have taken."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _timed_fits() -> list[tuple[float, float]]:
    """Seconds of every fit of this process, on the clock and of processors, in order, the loading left out."""
    for late in ("recsmith.engine.fit", "recsmith.engine.rank.evaluate"):
        # What the first fit would load else.
        import_module(late)
    inner, seconds = attempt._fitted, list[tuple[float, float]]()

    def fitted(*given: Any) -> Any:
        started, cpu = time.perf_counter(), time.process_time()
        try:
            return inner(*given)
        finally:
            seconds.append((time.perf_counter() - started, time.process_time() - cpu))

    attempt._fitted = fitted
    return seconds


if __name__ == "__main__":
    main(*sys.argv[1:])
