"""What a stage may take of the machine, and what it took."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
from threadpoolctl import threadpool_limits

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Hold every numeric library, loaded or yet to be loaded, and all children to ``threads``."""
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(threads)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
    with threadpool_limits(limits=threads):
        yield


@contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """Yield a function that answers the peak resident bytes of this process and its children, sampled."""
    process, stop, peak = psutil.Process(), threading.Event(), [0]

    def sample() -> None:
        while not stop.wait(0.25):
            peak[0] = max(peak[0], tree_memory(process))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield lambda: max(peak[0], tree_memory(process))
    finally:
        stop.set()
        thread.join()


def tree_memory(process: psutil.Process) -> int:
    """Resident bytes of a process and all that it started, now."""
    total = 0
    for member in (process, *process.children(recursive=True)):
        try:
            total += member.memory_info().rss
        except psutil.Error:
            continue
    return total
