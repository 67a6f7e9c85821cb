"""Processes that outlive the terminal: started with a note of who they are, stopped by that note and by nothing else.

A note (``.work/prefect/NAME.json``) holds the process and when it was born, so that a number that the system gave to
somebody else since is not taken for ours. All that a daemon starts inherits the mark ``RECSMITH_SERVICE``: what lost
its parent is found by it.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

from flows.process import end, marked
from recsmith import guard
from recsmith.errors import UserError
from recsmith.files import read_json, replacing, write_json

STATE = Path(".work") / "prefect"
MARK = "RECSMITH_SERVICE"
TURNS = (20.0, 5.0)
"""Seconds after the first and the second polite signal; a Prefect worker needs two, then comes the last one."""
KEPT = 2**23
"""Bytes of a log that a new start keeps, its last ones."""


def launch(name: str, command: Sequence[str], env: Mapping[str, str]) -> psutil.Process:
    """Start ``command`` in a session of its own; its output goes to ``NAME.log``, its note to ``NAME.json``.

    The log goes on where an earlier start left it: it says why that one ended.
    """
    STATE.mkdir(parents=True, exist_ok=True)
    _shorten(log(name))
    with log(name).open("a", encoding="utf-8") as output:
        output.write(f"--- {name}: a new start at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC ---\n")
        output.flush()
        child = subprocess.Popen(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    process = psutil.Process(child.pid)
    write_json(_note(name), {**guard.identity(child.pid).model_dump(), "mark": env[MARK]})
    return process


def _shorten(path: Path) -> None:
    """Cut a log down to its last whole lines, KEPT bytes at most."""
    if not path.exists() or path.stat().st_size <= KEPT:
        return
    with path.open("rb") as long, replacing(path) as short:
        long.seek(-KEPT, os.SEEK_END)
        long.readline()
        short.write_bytes(long.read())


def running(name: str) -> psutil.Process | None:
    """The daemon of that name, None where it is not there (any more)."""
    if not _note(name).exists():
        return None
    note = read_json(_note(name))
    with suppress(psutil.Error):
        if guard.alive(guard.Identity(pid=note["pid"], started=note["started"])):
            return psutil.Process(note["pid"])
    return None


def names() -> list[str]:
    """Daemons that were started and not stopped by us, whether they live or not; the last started first."""
    notes = sorted(STATE.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.stem for path in notes if "mark" in read_json(path)]


def stop_all() -> list[str]:
    """End every daemon with all that it started, the last started first; the names of what was there."""
    stopped = names()
    marks = {read_json(_note(name))["mark"] for name in stopped}
    stop(stopped)
    for mark in marks:
        while left := marked(MARK, mark):
            end(left)
    for name in stopped:
        _note(name).unlink(missing_ok=True)
    return stopped


def stop(which: Sequence[str]) -> None:
    """End those daemons that live, with the runs that they started, in the order given."""
    for name in which:
        process = running(name)
        if process is not None:
            _stop(process)
            _note(name).unlink(missing_ok=True)


def _stop(process: psutil.Process) -> None:
    with suppress(psutil.Error):
        end(process.children(recursive=True))  # runs in progress first, while there is a server to tell
    for seconds in TURNS:
        with suppress(psutil.Error):
            process.terminate()
        if not psutil.wait_procs([process], timeout=seconds)[1]:
            return
    end([process], grace=0.0)


def wait_until(ready: Callable[[], bool], process: psutil.Process, name: str, seconds: float) -> None:
    """Poll ``ready()``; UserError with the last lines of the log where the process ends or the time is over."""
    deadline = time.monotonic() + seconds
    while not ready():
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            raise UserError(f"{name} ended while it started. {_tail(name)}")
        if time.monotonic() > deadline:
            raise UserError(f"{name} was not ready after {seconds:.0f} seconds. {_tail(name)}")
        time.sleep(0.5)


def _tail(name: str) -> str:
    lines = log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
    return f"The end of {log(name)}:\n" + "\n".join(lines)


def log(name: str) -> Path:
    """Where a daemon's output goes."""
    return STATE / f"{name}.log"


def _note(name: str) -> Path:
    return STATE / f"{name}.json"


def new_mark() -> str:
    """A mark that no other service has; the one of the service that runs here, where one does."""
    for name in names():
        if running(name):
            return str(read_json(_note(name))["mark"])
    return os.urandom(16).hex()
