"""The driver's hand on a node: ``python -m recsmith.search.nodes.agent RUN_FOLDER WORD``.

It takes files into the folder of the run and gives back what trials wrote there. While the driver asks, it lives; when
the driver is silent or gone, or at its word, everything that has our folder and WORD in its command line is ended and
the run's folder removed.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from recsmith import guard
from recsmith.files import write_json, write_text

SILENCE_SECONDS = 90.0
LEASE = "lease.json"
WHAT_TRIALS_WRITE = re.compile(r"trials/[0-9a-f]+\.json|answers/(started/\w+|\d+)\.json")


class Frames:
    """Frames on stdin and stdout: a line with the length, then so many bytes."""

    def __init__(self) -> None:
        self.waiting = b""

    def read(self) -> bytes | None:
        """The next frame; None where the driver is gone or silent."""
        while b"\n" not in self.waiting:
            if not self._more():
                return None
        head, _, self.waiting = self.waiting.partition(b"\n")
        while len(self.waiting) < int(head):
            if not self._more():
                return None
        frame, self.waiting = self.waiting[: int(head)], self.waiting[int(head) :]
        return frame

    def _more(self) -> bool:
        if not select.select([0], [], [], SILENCE_SECONDS)[0]:
            return False
        block = os.read(0, 2**20)
        self.waiting += block
        return bool(block)

    def write(self, frame: bytes) -> None:
        """Answer; a driver that is gone is noticed by the next read."""
        sys.stdout.buffer.write(b"%d\n" % len(frame) + frame)
        sys.stdout.buffer.flush()


def news(folder: Path, told: dict[str, int]) -> dict[str, str]:
    """Files that trials wrote since they were ``told``, records before the answers that name them."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.json")]
    found: dict[str, str] = {}
    for name in sorted(filter(WHAT_TRIALS_WRITE.fullmatch, names), reverse=True):
        changed = (folder / name).stat().st_mtime_ns
        if told.get(name) != changed:
            told[name], found[name] = changed, (folder / name).read_text(encoding="utf-8")
    return found


def take(folder: Path, files: Mapping[str, str], told: dict[str, int]) -> None:
    """Write what the driver sends; it is not told about it again."""
    for name, text in files.items():
        write_text(folder / name, text)
        told[name] = (folder / name).stat().st_mtime_ns


def end_all(folder: Path, word: str) -> None:
    """End what the run left below our folder on this machine, and remove what it wrote."""
    ours = str(folder.parents[1])
    for process in psutil.process_iter(["cmdline"]):
        if process.pid != os.getpid() and any(word in one and ours in one for one in process.info["cmdline"] or []):
            guard.end(guard.family(process))
    shutil.rmtree(folder, ignore_errors=True)
    for left in (Path.home() / "nni-experiments").glob(f"{word}*"):
        shutil.rmtree(left, ignore_errors=True)


def main(arguments: list[str]) -> None:
    """Serve the driver until it is done."""
    folder, word = Path(arguments[0]), arguments[1]
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / LEASE, guard.identity().model_dump())
    frames, told = Frames(), dict[str, int]()
    try:
        while (frame := frames.read()) is not None and frame != b"end":
            take(folder, json.loads(frame), told)
            frames.write(json.dumps(news(folder, told)).encode())
    except BrokenPipeError:
        pass  # the driver is gone
    end_all(folder, word)


if __name__ == "__main__":
    main(sys.argv[1:])
