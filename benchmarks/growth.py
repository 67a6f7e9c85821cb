"""How costs grow with size: exponents, and what is shown of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from benchmarks.common import table
from benchmarks.scale_stages import STAGES

LINE = ("ingest", "validate", "split", "graph")
FITTED = 3
"""Below, what a process costs whatever it works on hides how the work grows."""

Row = dict[str, Any]


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float | None:
    """The slope of log cost over log size by least squares; None of fewer than two sizes."""
    points = [(math.log(size), math.log(cost)) for size, cost in zip(sizes, costs, strict=True) if cost > 0]
    if len(points) < 2:
        return None
    middle_x, middle_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return round(sum((x - middle_x) * (y - middle_y) for x, y in points) / spread, 3)


def exponents(rows: Sequence[Row]) -> dict[str, dict[str, float | None]]:
    """Of seconds and added memory of each stage, over the largest sizes that were measured, ``FITTED`` of them."""
    found = {}
    for stage in STAGES:
        measured = [row for row in rows if row["stage"] == stage and "sized_out" not in row][-FITTED:]
        sizes = [row["size"] for row in measured]
        costs = {
            "seconds": [row["seconds"] for row in measured],
            "memory": [row["peak_mb"] - row["base_mb"] for row in measured],
        }
        found[stage] = {name: exponent(sizes, values) for name, values in costs.items()}
    return found


def line(rows: Sequence[Row]) -> list[Row]:
    """Ingest to graph of each size: seconds together, the highest peak; what was sized out is left out."""
    found = []
    for size in sorted({row["size"] for row in rows}):
        parts = [row for row in rows if row["size"] == size and row["stage"] in LINE and "sized_out" not in row]
        if len(parts) == len(LINE):
            seconds, peak = round(sum(row["seconds"] for row in parts), 2), max(row["peak_mb"] for row in parts)
            found.append({"size": size, "seconds": seconds, "peak_mb": peak})
    return found


def shown(rows: Sequence[Row]) -> str:
    """A line a stage: seconds and megabytes of each size, and both exponents."""
    sizes = sorted({row["size"] for row in rows})
    at = {(row["stage"], row["size"]): row for row in rows}
    slopes = exponents(rows)
    header = [
        "stage",
        *(f"{size:.0e} s" for size in sizes),
        *(f"{size:.0e} MB" for size in sizes),
        "time ~",
        "memory ~",
    ]
    lines = []
    for stage in STAGES:
        cells = [[at.get((stage, size), {}).get(cost) for size in sizes] for cost in ("seconds", "peak_mb")]
        lines.append([stage, *cells[0], *cells[1], *slopes[stage].values()])
    return table(header, lines)
