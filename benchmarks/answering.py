"""How fast a bundle opens and answers in this process."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from recsmith.serving.bundle import Bundle, load

K = 20
CALLS = 1000


def resident() -> int:
    """Bytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def one_by_one(bundle: Bundle) -> np.ndarray:
    """Milliseconds of single users' lists, after a few to warm up: by the clock, and of this thread's work alone.

    Shapes: -> (at most CALLS, 2).
    """
    filled = np.flatnonzero(np.diff(bundle.histories.indptr))
    places = np.random.default_rng(7).permutation(filled)[:CALLS]
    names = [bundle.users[int(place)] for place in places]
    for name in names[:20]:
        bundle.recommend([name], K)
    spent = []
    for name in names:
        start = time.perf_counter(), time.thread_time()
        bundle.recommend([name], K)
        spent.append((time.perf_counter() - start[0], time.thread_time() - start[1]))
    return 1000 * np.array(spent)


def measured(folder: str, lists: str) -> dict[str, Any]:
    """Load, ask for users one by one, then for all, whose lists go to the file ``lists``."""
    before, start = resident(), time.perf_counter()
    bundle = load(folder)
    loaded, growth = time.perf_counter() - start, resident() - before
    spent = one_by_one(bundle)
    answering = resident()
    start, work = time.perf_counter(), time.process_time()
    everybody = bundle.recommend(None, K)
    took, worked = time.perf_counter() - start, time.process_time() - work
    np.save(lists, everybody.items)
    return {
        "load_s": loaded,
        "rss_growth_bytes": growth,
        "resident_bytes": answering,
        **{f"p{share}_ms": float(np.percentile(spent[:, 0], share)) for share in (50, 99)},
        **{f"p{share}_cpu_ms": float(np.percentile(spent[:, 1], share)) for share in (50, 99)},
        "all_users_s": took,
        "all_users_work_s": worked,
        "load_average": os.getloadavg()[0],
    }
