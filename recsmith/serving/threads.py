"""Work that is shared out among threads: numpy lets the others run while it computes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar

MOST = 8
"""Threads at once: what each holds in memory bounds what all of them hold, on a machine of any size."""

SHARING = Lock()
"""Cores, memory and the threads of BLAS are the process's: callers that share out at the same time take turns."""

T = TypeVar("T")


def allowed() -> int:
    """As many as ``OMP_NUM_THREADS`` says, which libraries below numpy heed too; else one a core of this process."""
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if said.isdigit() and int(said) > 0:
        return int(said)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(work: Callable[[T], None], parts: Sequence[T]) -> None:
    """``work`` on every part, on as many threads as are allowed, ``MOST`` at most; an error of any part is raised.

    Shared out where threadpoolctl is installed, which holds BLAS at one thread meanwhile: its threads would spin beside
    ours. The first part is done before the others start: what it makes and keeps is there for all of them.
    """
    blas = _blas() if len(parts) > 1 else None
    if blas is None:
        for part in parts:
            work(part)
        return

    def hold() -> None:
        """A BLAS built on OpenMP counts the threads of each thread by itself."""
        blas.limit(limits=1, user_api="blas")

    first, *others = parts
    threads = min(len(others), MOST, allowed())
    with SHARING, blas.limit(limits=1, user_api="blas"), ThreadPoolExecutor(threads, initializer=hold) as pool:
        work(first)
        for _ in pool.map(work, others):
            pass


def _blas() -> Any:
    """What holds every BLAS loaded so far at a number of threads; None where threadpoolctl is not installed."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()
