"""How Prefect stands here, for whoever comes in the morning: what is up, what ended, what runs and what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psutil

from flows import daemons
from flows.address import answers, ask, written

ALERTS = "RECSMITH_ALERTS"
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
OPEN = ("RUNNING", "PENDING", "SCHEDULED", "CANCELLING")
SHOWN = 5
LONGEST = 160
"""Characters of a run's message; `prefect flow-run logs` has all of it."""


def told(parts: Sequence[str]) -> Iterator[str]:
    """Lines about the daemons ``parts`` and, where the server is up, about the last runs and the next ones."""
    for name in parts:
        yield f"{name:24}{_daemon(name)}"
    if daemons.running("server") and not answers(f"{written()}/api"):
        yield f"\n{written()} does not answer; its log: {daemons.log('server')}"
    elif daemons.running("server"):
        yield f"\n{written()}"
        names = {flow["id"]: flow["name"] for flow in ask("flows/filter", {})}
        for run in [*reversed(_runs(ENDED, "END_TIME_DESC")), *_runs(OPEN, "EXPECTED_START_TIME_ASC")]:
            yield _line(run, names[run["flow_id"]])


def _daemon(name: str) -> str:
    process = daemons.running(name)
    if process is None:
        return "not running: make up starts it"
    silent = name.startswith("worker") and not _alerts(process)
    return f"process {process.pid}{f', without alerts ({ALERTS} was not set)' if silent else ''}"


def _alerts(process: psutil.Process) -> bool:
    """Whether the runs of a worker have somebody to tell: what counts is what it was started with."""
    try:
        return bool(process.environ().get(ALERTS))
    except psutil.Error:
        return False


def _runs(states: Sequence[str], order: str) -> list[dict[str, Any]]:
    return ask("flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": states}}}, "limit": SHOWN, "sort": order})


def _line(run: dict[str, Any], flow: str) -> str:
    """State, time, flow and run; what came of it, where it is over."""
    when = run["end_time"] or run["start_time"] or run["expected_start_time"] or ""
    message = " ".join(((run["state"] or {}).get("message") or "").split()) if run["end_time"] else ""
    shown = message if len(message) <= LONGEST else f"{message[:LONGEST]} ..."
    return f"{run['state_name']:14}{f'{when[:19]}Z':22}{flow:10}{run['name']:26}{shown}".rstrip()
