"""The log of a run: what failed is told in its one line, without Prefect's traceback of how it handed that line on."""

from __future__ import annotations

import logging

from prefect.exceptions import FailedRun

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


def plain_failures() -> None:
    """From now on, in this process."""
    for name in OF_RUNS:
        logging.getLogger(name).addFilter(plain)
