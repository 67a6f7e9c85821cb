"""``python -m flows.guard COMMAND...``: run a command and end all that it started when the parent is gone.

The parent holds the other end of our standard input and says nothing. A parent that is killed says nothing either:
the pipe closes, and what would have become orphans is ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

from flows.process import MARK, end, marked


def main(command: list[str]) -> int:
    """The exit status of ``command``; 128 and the signal's number where a signal ended it, as shells have it."""
    signal.signal(signal.SIGTERM, lambda number, frame: None)  # we leave last
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_watch, daemon=True).start()
    status = child.wait()
    _sweep()  # a command that was killed leaves children
    return status if status >= 0 else 128 - status


def _watch() -> None:
    os.read(0, 1)
    _sweep()


def _sweep() -> None:
    while left := marked(MARK, os.environ[MARK]):
        end(left)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
