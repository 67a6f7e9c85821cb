"""A command and all that it starts: its output line by line, its whole tree ended with it, whatever ends us."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO

import psutil

from recsmith.privacy.secrets import redact

MARK = "RECSMITH_PROCESSES"
"""Everything that a command starts inherits this variable: found again in any session, under any parent."""
GRACE_SECONDS = 10.0


class Stream:
    """Lines of a running command (iterate), secrets blotted out, then its exit ``status``.

    ``timed_out`` where it was ended by the clock.
    """

    def __init__(self, child: subprocess.Popen[str], mark: str) -> None:
        self._child, self._mark = child, mark
        self._clock: threading.Timer | None = None
        self.timed_out = False

    def __iter__(self) -> Iterator[str]:
        output = _pipe(self._child.stdout)
        while line := output.readline():
            yield redact(line.rstrip())

    @property
    def status(self) -> int:
        return self._child.wait()

    def limit(self, seconds: float) -> None:
        """End the command ``seconds`` from now; takes the place of an earlier limit."""
        self._stop_clock()
        self._clock = threading.Timer(seconds, self._expire)
        self._clock.daemon = True
        self._clock.start()

    def close(self) -> None:
        """End the command with all that it started, where it still runs."""
        self._stop_clock()
        _pipe(self._child.stdin).close()  # the guard ends everything, and then itself
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(2 * GRACE_SECONDS)
        self._end_all()
        self._child.kill()
        self._child.wait()
        _pipe(self._child.stdout).close()

    def _expire(self) -> None:
        self.timed_out = True
        _pipe(self._child.stdin).close()  # a guard that has yet to start the command ends it, too
        self._end_all()

    def _end_all(self) -> None:
        """All but the guard, which ends by itself: its status is ours to read."""
        end([process for process in marked(MARK, self._mark) if process.pid != self._child.pid])

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


@contextmanager
def streaming(command: Sequence[str], env: Mapping[str, str], seconds: float) -> Iterator[Stream]:
    """Start ``command``; whatever ends the block (its end, an error, a cancellation, kill -9) ends all it started."""
    mark = uuid.uuid4().hex
    child = subprocess.Popen(
        [sys.executable, "-m", "flows.guard", *command],
        env={**env, MARK: mark},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    stream = Stream(child, mark)
    stream.limit(seconds)
    try:
        yield stream
    finally:
        stream.close()


def marked(name: str, value: str) -> list[psutil.Process]:
    """Running processes with ``name=value`` in the environment that they were started with, ourselves left out."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _has(process, name, value)]


def _has(process: psutil.Process, name: str, value: str) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(name) == value
    except (psutil.Error, OSError):
        return False


def end(processes: Sequence[psutil.Process], grace: float | None = None) -> None:
    """TERM to all, and KILL to those that are still there after ``grace`` seconds."""
    for process in processes:
        with suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=GRACE_SECONDS if grace is None else grace)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=GRACE_SECONDS)
