"""One run at a time in a workspace, whoever starts it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.mend import mend
from recsmith import guard, locks

LOCKS = Path(".work") / "locks"
WORKSPACE, STAGE = LOCKS / "workspace.lock", LOCKS / "stage.lock"
VARIABLE = "RECSMITH_WORKSPACE"
"""Set to the holder's process while a flow holds the workspace; everything that it starts inherits it."""


@contextmanager
def workspace(what: str, run: str, flow_run: str, say: Callable[[str], None], *, away: bool = False) -> Iterator[None]:
    """Hold the workspace for a whole run; waits for another flow or a run typed by hand, and says for whom.

    A flow inside a flow (in its process, or started by it) is part of it and takes nothing. UserError where the data is
    put away encrypted, unless ``away`` says that this does not matter.
    """
    if _inside():
        yield
        return
    wait_for_line(say)
    words = {"what": what, "run": run, "flow_run": flow_run}
    with locks.held(WORKSPACE, words, -1, lambda other: say(_waiting(other.get("what", "a flow"), other))):
        wait_for_line(say)
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


def wait_for_line(say: Callable[[str], None]) -> None:
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
