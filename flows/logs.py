"""The log of a run: what failed in its one line, without Prefect's traceback of how it handed that on.

It goes to the server and to the console, and to the server alone where the console is gone.
"""

from __future__ import annotations

import logging
import os
import sys

from prefect.exceptions import FailedRun
from rich.console import Console

OF_RUNS = ("prefect.flow_runs", "prefect.task_runs")


def plain(record: logging.LogRecord) -> bool:
    """Let a record through; where its error is a failed state, the state's message takes the traceback's place.

    Tracebacks of defects stay.
    """
    kind, error = (record.exc_info or (None, None))[:2]
    if isinstance(error, FailedRun):
        record.msg, record.args = str(error), ()
    if kind is None or isinstance(error, FailedRun):
        record.exc_info = None
    return True


def mute(self: Console) -> None:
    """Say no more to a console that nobody reads: a run goes on where the worker that started it is gone."""
    self.quiet = True
    nobody = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nobody, stream.fileno())
    os.close(nobody)


def set_up() -> None:
    """From now on, in this process."""
    for name in OF_RUNS:
        logging.getLogger(name).addFilter(plain)
    Console.on_broken_pipe = mute  # rich means it to be replaced; its own ends the process
