"""One trial on a node: ``python -m recsmith.search.nodes.trial RUN_FOLDER``.

It takes a GPU that is free, and ends with the agent.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout

from recsmith import guard
from recsmith.config.base import parse
from recsmith.files import read_json
from recsmith.search import trial
from recsmith.search.nodes.agent import LEASE
from recsmith.search.task import TASK

SLOTS = "slots.json"
LOCKS = "slots"
WAIT_SECONDS = 0.2


def take_slot(locks: Path, slots: list[str]) -> tuple[str, FileLock]:
    """What is to stand in CUDA_VISIBLE_DEVICES, and the lock that holds the place; waits until one is free.

    The lock is the system's: it is free when this process is gone, however it went.
    """
    locks.mkdir(parents=True, exist_ok=True)
    while True:
        for number, gpus in enumerate(slots):
            lock = FileLock(locks / f"{gpus or 'cpu'}-{number}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return gpus, lock
        time.sleep(WAIT_SECONDS)


def main(arguments: list[str]) -> None:
    """Answer one proposal with the GPU that is free."""
    run = Path(arguments[0])
    driver = parse(read_json(run / LEASE), guard.Identity, str(run / LEASE))
    guard.end_with(driver)
    gpus, lock = take_slot(run.parents[1] / LOCKS, read_json(run / SLOTS))
    os.environ["CUDA_VISIBLE_DEVICES"] = gpus
    with lock:
        trial.main([str(run / TASK), str(run / "answers"), str(driver.pid), repr(driver.started)])


if __name__ == "__main__":
    main(sys.argv[1:])
