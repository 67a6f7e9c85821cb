"""A command in a process group of its own: its output line by line, its whole tree ended with it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO

import psutil

GRACE_SECONDS = 10.0


class Stream:
    """Lines of a running command (iterate), then its exit ``status``; ``timed_out`` where it was ended by the clock."""

    def __init__(self, child: subprocess.Popen[str], output: IO[str]) -> None:
        self._child, self._output = child, output
        self.timed_out = False

    def __iter__(self) -> Iterator[str]:
        for line in self._output:
            yield line.rstrip()

    @property
    def status(self) -> int:
        return self._child.wait()

    def expire(self) -> None:
        """End the command because its time is over."""
        self.timed_out = True
        end(self._child)


@contextmanager
def streaming(command: Sequence[str], env: Mapping[str, str], seconds: float) -> Iterator[Stream]:
    """Start ``command``; whatever ends the block (its end, an error, a cancellation) ends all that it started."""
    child = subprocess.Popen(
        command,
        env=dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    assert child.stdout is not None
    stream = Stream(child, child.stdout)
    watchdog = threading.Timer(seconds, stream.expire)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield stream
    finally:
        watchdog.cancel()
        end(child)
        child.stdout.close()


def end(child: subprocess.Popen[str]) -> None:
    """TERM to the group and to descendants that left it, KILL to what is still there, and reap."""
    members = _descendants(child.pid)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    for member in members:
        with suppress(psutil.Error):
            member.terminate()
    _, alive = psutil.wait_procs(members, timeout=GRACE_SECONDS)
    for member in alive:
        with suppress(psutil.Error):
            member.kill()
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return []
