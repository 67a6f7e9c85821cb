"""Whom a stage works for, and that it is the only one that writes here."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil

import stages
from recsmith import guard, locks
from recsmith.errors import UserError

LOCKS = Path(".work") / "locks"
LOCK_SECONDS = 5.0
GRACE_SECONDS = 20.0


def end_with_employers() -> None:
    """End this stage as SIGTERM would when its ``dvc`` or its flow is gone: nobody would take what it makes.

    Where it is in code that cannot be interrupted, it is killed with all that it started.
    """
    try:
        employers = [guard.identity(pid) for pid in _employers()]
    except psutil.NoSuchProcess as error:
        raise KeyboardInterrupt(signal.SIGTERM) from error

    def end() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        guard.end(guard.family(psutil.Process()))
        os._exit(143)

    guard.watch(lambda: not all(map(guard.alive, employers)), end)


def _employers() -> list[int]:
    """The processes that this stage works for; typed by hand, it works for nobody but whoever types."""
    line, flow = _line().pid, os.environ.get("RECSMITH_WORKSPACE")
    parents = [line] if line != os.getpid() else [stages.STARTED_BY] if "DVC_STAGE" in os.environ else []
    return [*parents, *([int(flow)] if flow else [])]


def run_id() -> str:
    """The pipeline run we belong to: ``RECSMITH_RUN``, else one name for each ``dvc`` process, else our own."""
    given = os.environ.get("RECSMITH_RUN")
    if given:
        return given
    line = _line()
    born = datetime.fromtimestamp(line.create_time(), UTC)
    return f"{born:%Y%m%d-%H%M%S}-{line.pid}"


def _line() -> psutil.Process:
    """The ``dvc`` process that runs us, else our own."""
    process = psutil.Process()
    return next((parent for parent in process.parents() if _is_dvc(parent)), process)


def _is_dvc(process: psutil.Process) -> bool:
    try:
        return any(Path(word).name == "dvc" for word in process.cmdline()[:3])
    except psutil.Error:
        return False


@contextmanager
def only_writer(name: str) -> Iterator[None]:
    """Hold the workspace's one stage lock; UserError names the process that is in the way, or says that data is away.

    First the lock, then the look at the flow: a flow does it the other way round, so one of the two sees the other.
    """
    words = {"stage": name, "run": run_id(), "works_for": guard.identity(_line().pid).model_dump()}
    try:
        with locks.held(LOCKS / "stage.lock", words, LOCK_SECONDS):
            _refuse_during_a_flow()
            locks.check_present(Path())
            yield
    except locks.Busy as error:
        pid, other = error.holder.get("pid", "unknown"), error.holder.get("stage", "unknown")
        raise UserError(
            f"process {pid} is running stage {other} here. Wait for it or end it (kill {pid}), then run again."
        ) from error


def _refuse_during_a_flow() -> None:
    flow = locks.holder(LOCKS / "workspace.lock")
    if flow and os.environ.get("RECSMITH_WORKSPACE") != str(flow.get("pid")):
        pid = flow.get("pid", "unknown")
        raise UserError(
            f"process {pid} holds this workspace ({flow.get('what', 'a flow')}, since {flow.get('since', 'unknown')}). "
            f"Wait for it, cancel it in Prefect or end it (kill {pid}), then run again."
        )
