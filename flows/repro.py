"""One ``dvc repro`` for a whole run, its output cut into one section a stage.

One process, because starting ``dvc`` takes longer than finding that a stage has nothing to do.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence

HEAD = re.compile(r"(?:Running stage|Stage) '(\w+)'")
OF_DVC = ("ERROR: ", "Running stage ", "> ", "Verifying ")
EXITED = re.compile(r"exited with -(\d+)")
DONE = "done in "
"""The last words of a stage that did all it had to do."""
LONGEST = 400


def command(stages: Sequence[str], force: bool) -> list[str]:
    """The command line; waits where another repro holds the lock, and runs no stage that was not asked for."""
    repro = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", *stages]
    return [*repro, "--force"] if force else repro


class Sections:
    """Lines of ``dvc repro``, stage by stage."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._next: str | None = None

    def section(self, stage: str) -> Iterator[str]:
        """Lines up to the first that speaks of another stage, which begins the next section."""
        while (line := self._take()) is not None:
            head = HEAD.match(line)
            if head and head[1] != stage:
                self._next = line
                return
            yield line

    @property
    def more(self) -> bool:
        """Whether another section has begun: the stage before it is done."""
        return self._next is not None

    def _take(self) -> str | None:
        line, self._next = self._next, None
        return line if line is not None else next(self._lines, None)


def reason(stage: str, lines: Sequence[str], status: int = 1) -> str:
    """Why a stage failed, in one line, by its ``lines`` and the exit ``status`` of ``dvc``.

    What it said last in its own name, else the last line that is not DVC's; the signal, where one ended it; where the
    stage itself was done, what DVC said.
    """
    said = [line for line in lines if line.strip() and not line.startswith(OF_DVC)]
    own = [number for number, line in enumerate(said) if line.startswith(f"{stage}: ")]
    words = " ".join(said[own[-1] :] if own else said[-1:] or ["it said nothing"]).removeprefix(f"{stage}: ")
    signalled = _signal(lines, status)
    if signalled:
        words = f"ended by {signalled}; before it: {words}"
    elif words.startswith(DONE):
        words = next((line for line in reversed(lines) if line.startswith("ERROR: ")), f"dvc ended with {status}")
    return words if len(words) <= LONGEST else f"{words[:LONGEST]} ..."


def _signal(lines: Sequence[str], status: int) -> str | None:
    """The name of the signal that ended the stage, as DVC tells, or DVC itself."""
    told = (EXITED.search(line) for line in lines if line.startswith("ERROR: "))
    number = next((int(found[1]) for found in told if found), status - 128)
    try:
        return signal.Signals(number).name
    except ValueError:
        return None
