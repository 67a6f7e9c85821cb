"""How long the line takes and how much memory: ``python -m benchmarks.line [--test]``.

Runs ``make run`` twice (and ``make test``) in a fresh clone with the present environment; prints a table, writes JSON.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common import ROOT, measured_on, write_json

RESULTS = ROOT / "benchmarks" / "results" / "line.json"


def measure(command: list[str], folder: Path) -> dict[str, Any]:
    """Run ``command`` in ``folder``; seconds and peak resident memory of everything that it started."""
    env = os.environ | {"MAKEFLAGS": "INSTALLED=", "PYTHONPATH": str(folder)}
    start = time.perf_counter()
    with _peak(folder) as peak:
        status = subprocess.run(command, cwd=folder, env=env, check=False).returncode
    if status:
        sys.exit(f"{' '.join(command)} failed with status {status}")
    return {"seconds": round(time.perf_counter() - start, 1), "peak_mb": round(peak[0] / 2**20)}


@contextmanager
def _peak(folder: Path) -> Iterator[list[int]]:
    """A list whose only entry grows to the peak of resident bytes; processes that left the tree are known by folder."""
    peak, stop = [0], threading.Event()

    def sample() -> None:
        while not stop.wait(0.5):
            peak[0] = max(peak[0], sum(map(_resident, _members(folder))))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def _members(folder: Path) -> set[psutil.Process]:
    tree = set(psutil.Process().children(recursive=True))
    return tree | {process for process in psutil.process_iter() if _works_in(process, folder)}


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(folder)
    except (psutil.Error, OSError):
        return False


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser("python -m benchmarks.line", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--test", action="store_true", help="measure `make test` too")
    args = parser.parse_args()
    names = ["run", "run, nothing changed", *(["test"] if args.test else [])]
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
        (folder / ".venv").symlink_to(sys.prefix)
        found = {name: measure(["make", name.partition(",")[0]], folder) for name in names}
    write_json(RESULTS, measured_on() | {"measured": found})
    for name, values in found.items():
        print(f"make {name:24} {values['seconds']:>8.1f} s {values['peak_mb']:>8,} MB")


if __name__ == "__main__":
    main()
