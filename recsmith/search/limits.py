"""What a candidate may weigh and cost where it serves; hopeless ones are told before anything is trained."""

from __future__ import annotations

import time

import numpy as np

from recsmith.config.search import Limits
from recsmith.errors import SizedOut
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Architecture, describe
from recsmith.search.served import catalogue, form

ROWS, COLUMNS, REPEATS = 20_000, 64, 15


def check(candidate: Architecture, graph: Graph, limits: Limits, rate: float | None) -> None:
    """SizedOut where the fp32 form of ``candidate`` is over a limit; ``rate`` is that of this machine."""
    if limits == Limits():
        return
    served, sizes = form(candidate, graph.n_items), catalogue(graph)
    cost = served.cost(sizes)
    _within("bytes", served.bytes(sizes.n_items), limits.bytes, candidate, "bytes")
    _within("cost", cost, limits.cost, candidate, "multiply-adds a recommendation")
    if rate is not None:
        _within("latency_ms", cost / rate, limits.latency_ms, candidate, "ms a recommendation on this machine")


def _within(key: str, found: float, most: float | None, candidate: Architecture, unit: str) -> None:
    if most is not None and found > most:
        raise SizedOut(
            f"{describe(candidate)} is estimated at {found:,.4g} {unit}, more than params.yaml: search.limits.{key} = "
            f"{most:,.4g}; it was not trained."
        )


def multiply_adds_a_ms() -> float:
    """What one thread does in a scan of float32 vectors: the median of some products of a table and a query."""
    generator = np.random.default_rng(0)
    table = generator.standard_normal((ROWS, COLUMNS), np.float32)
    query, took = generator.standard_normal(COLUMNS, np.float32), []
    for _ in range(REPEATS):
        started = time.perf_counter()
        np.dot(table, query)
        took.append(time.perf_counter() - started)
    return ROWS * COLUMNS / (float(np.median(took)) * 1000)
