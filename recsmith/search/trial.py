"""One trial as a process of NNI: ``python -m recsmith.search.trial TASK RUN [DRIVER_PID DRIVER_START]``.

It takes a proposal, answers it (recsmith.search.attempt), writes the answer into the run's folder and tells NNI the
metric. It ends itself when it takes too long, and when the driver or NNI's node manager is gone.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import nni

from recsmith import guard
from recsmith.search.attempt import answer, answered, ended, too_long
from recsmith.search.store import Answer, Answers, Store
from recsmith.search.task import Task


def main(arguments: list[str]) -> None:
    """Answer one proposal; exit 0 where it has a result, else 1 with the reason on stderr."""
    task, answers = Task.load(arguments[0]), Answers(Path(arguments[1]))
    if arguments[2:]:
        guard.end_with(guard.Identity(pid=int(arguments[2]), started=float(arguments[3])))
    parameters: dict[str, Any] = nni.get_next_parameter()
    answers.begin(nni.get_trial_id(), parameters)
    timer = threading.Timer(task.trial_seconds, _too_long, (task, answers, parameters))
    timer.daemon = True
    timer.start()
    result = answer(task, parameters)
    timer.cancel()
    _report(task, answers, result)


def _report(task: Task, answers: Answers, result: Answer) -> None:
    """Leave the answer for driver and tuner, then end with the status that it deserves."""
    record = Store(Path(task.folder)).load(result.key)
    answers.save(result)
    nni.report_final_result(result.value)
    done = record is not None and record.status == "done"
    if record is not None and record.error:
        print(record.error, file=sys.stderr, flush=True)
    _leave(0 if done else 1)


def _leave(status: int) -> None:
    """End at once: threads and libraries that are slow to end have nothing left to do."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _too_long(task: Task, answers: Answers, parameters: dict[str, Any]) -> None:
    record = ended(task, parameters, too_long(task.trial_seconds))
    _report(task, answers, answered(task, parameters, record, known=False, seconds=task.trial_seconds))


if __name__ == "__main__":
    main(sys.argv[1:])
