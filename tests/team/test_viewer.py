"""``make review`` in a terminal: it draws the offline runs, and a key ends it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from workspaces import Workspace

from recsmith.files import read_json
from stages._stage import STAGES

pytestmark = [pytest.mark.slow, pytest.mark.short, pytest.mark.timeout(1800)]
ROWS, COLUMNS = 50, 200
SECONDS = 120.0
ESCAPES = re.compile(rb"\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)|[P_^][^\x1b]*\x1b\\|\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])")
ASKED = {b"\x1b[6n": b"\x1b[1;1R", b"\x1b[c": b"\x1b[?62c"}
"""What a program asks its terminal, and what the terminal answers: where the cursor is, what it can do."""


class Terminal:
    """A program in a terminal of its own: what it has drawn so far, and keys for it."""

    def __init__(self, child: subprocess.Popen[bytes], end: int) -> None:
        self.child, self._end, self._drawn = child, end, b""

    @property
    def text(self) -> str:
        """All that was drawn, one after the other, without colours and places."""
        return ESCAPES.sub(b" ", self._drawn).decode(errors="replace")

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._end, keys)

    def wait_for(self, *words: str) -> None:
        """Read until all of ``words`` have been drawn."""
        end = time.monotonic() + SECONDS
        while not all(word in self.text for word in words):
            assert time.monotonic() < end, f"of {words} this was drawn: {self.text[-3000:]}"
            assert self._read(), f"it ended: {self.text[-3000:]}"

    def ended(self) -> int:
        """The exit status, after reading to the end."""
        while self._read():
            continue
        return self.child.wait(SECONDS)

    def _read(self) -> bool:
        """Whether it still runs; takes what it has drawn, and answers what it asks."""
        if not select.select([self._end], [], [], 0.5)[0]:
            return self.child.poll() is None
        try:
            new = os.read(self._end, 1 << 16)
        except OSError:  # Linux tells so that the other end is closed
            return False
        self._drawn += new
        for asked, answer in ASKED.items():
            if asked in new:
                self.press(answer)
        return bool(new)


@contextmanager
def terminal(workspace: Workspace, *command: str) -> Iterator[Terminal]:
    """Start ``command`` in a terminal; whatever happens, it is gone afterwards."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    env = workspace.env | {"TERM": "xterm-256color"}
    child = subprocess.Popen(
        command, cwd=workspace.root, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    try:
        yield Terminal(child, ours)
    finally:
        child.kill()
        child.wait()
        os.close(ours)


def test_the_viewer_shows_every_offline_run_and_a_key_ends_it(finished: Workspace) -> None:
    runs = [read_json(finished.root / f"data/{stage}/run.json")["wandb"] for stage in STAGES]
    with terminal(finished, "make", "--no-print-directory", "review", "INSTALLED=") as viewer:
        viewer.wait_for(*runs)
        viewer.press(b"q")
        assert viewer.ended() == 0
