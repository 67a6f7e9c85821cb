"""One run at a time in a workspace, whoever starts it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path

from flows.mend import mend
from recsmith import guard, locks

LOCKS = Path(".work") / "locks"
WORKSPACE, STAGE = LOCKS / "workspace.lock", LOCKS / "stage.lock"
VARIABLE = "RECSMITH_WORKSPACE"
"""Set to the holder's process while a flow holds the workspace; everything that it starts inherits it."""
LATE_SECONDS = 3600.0
Say = Callable[[str], None]


class Wait:
    """Says for whom it is waited; after ``LATE_SECONDS`` that is told to ``late``, once."""

    def __init__(self, say: Say, late: Say) -> None:
        self._say, self._words = say, ""
        tell = copy_context().run  # where alerts go depends on the settings of this thread
        self._clock = threading.Timer(LATE_SECONDS, tell, (lambda: late(self._words),))
        self._clock.daemon = True
        self._clock.start()

    def say(self, text: str) -> None:
        """Say it, and keep it for who is told later."""
        self._words = text
        self._say(text)

    def over(self) -> None:
        """Nobody is to be told any more."""
        self._clock.cancel()


@contextmanager
def workspace(
    what: str, run: str, flow_run: str, say: Say, *, away: bool = False, late: Say = lambda text: None
) -> Iterator[None]:
    """Hold the workspace for a whole run; waits for another flow or a run typed by hand, and says for whom.

    A wait that takes long is told to ``late``. A flow inside a flow (in its process, or started by it) is part of it
    and takes nothing. UserError where the data is put away encrypted, unless ``away`` says that this does not matter.
    """
    if _inside():
        yield
        return
    words, wait = {"what": what, "run": run, "flow_run": flow_run}, Wait(say, late)
    try:
        wait_for_line(wait.say)
        with locks.held(WORKSPACE, words, -1, lambda other: wait.say(_waiting(other.get("what", "a flow"), other))):
            wait_for_line(wait.say)
            wait.over()
            with _taken(say, away):
                yield
    finally:
        wait.over()


@contextmanager
def _taken(say: Say, away: bool) -> Iterator[None]:
    if not away:
        locks.check_present(Path())
    mend(say)
    os.environ[VARIABLE] = str(os.getpid())
    try:
        yield
    finally:
        del os.environ[VARIABLE]


def _inside() -> bool:
    holder = locks.holder(WORKSPACE) if VARIABLE in os.environ else None
    return holder is not None and str(holder.get("pid")) == os.environ[VARIABLE]


def wait_for_line(say: Say) -> None:
    """Wait for a stage that runs here, and for the ``dvc repro`` that it belongs to."""
    said = None
    while (busy := _by_hand()) is not None:
        if busy != said:
            say(_waiting(f"stage {busy.get('stage', 'unknown')}", busy))
        said = busy
        time.sleep(locks.POLL_SECONDS)


def _by_hand() -> locks.Holder | None:
    last = locks.words_of(STAGE)
    line = last.get("works_for")
    return last if locks.holder(STAGE) is not None or (line and guard.alive(guard.Identity(**line))) else None


def _waiting(what: str, words: locks.Holder) -> str:
    pid = words.get("pid", "unknown")
    return f"waiting for process {pid} ({what}, run {words.get('run', 'unknown')}, since {words.get('since', '?')})"
