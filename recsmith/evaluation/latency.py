"""How long one answer takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np


def latency(ask: Callable[[str], object], users: Sequence[str], warm_up: int = 5) -> dict[str, float]:
    """Milliseconds of ``ask(user)``, one call after the other: median, 99th percentile and how many were asked."""
    for user in users[:warm_up]:
        ask(user)
    taken = [_milliseconds(ask, user) for user in users]
    p50, p99 = np.percentile(taken, [50, 99])
    return {"p50_ms": float(p50), "p99_ms": float(p99), "calls": len(taken)}


def _milliseconds(ask: Callable[[str], object], user: str) -> float:
    start = time.perf_counter()
    ask(user)
    return (time.perf_counter() - start) * 1000
