"""The same metrics for users of different activity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def slice_names(edges: Sequence[int]) -> list[str]:
    """Names of the slices between ``edges``: ``0``, ``1-9``, ``10-49``, ..., ``200+``."""
    starts = [0, 1, *sorted({edge for edge in edges if edge > 1})]
    ends = [*starts[1:], None]
    return [_name(start, end) for start, end in zip(starts, ends, strict=True)]


def _name(start: int, end: int | None) -> str:
    if end is None:
        return f"{start}+"
    return str(start) if end - start == 1 else f"{start}-{end - 1}"


def slice_of(activity: np.ndarray, edges: Sequence[int]) -> np.ndarray:
    """Number of the slice of each user. Shapes: activity (n,) interactions before the test; returns (n,)."""
    return np.searchsorted([1, *sorted({edge for edge in edges if edge > 1})], activity, side="right")


def slice_rows(
    values: dict[str, dict[str, np.ndarray]], activity: np.ndarray, edges: Sequence[int]
) -> list[dict[str, object]]:
    """One row a slice and model: slice, model, users and the average of every metric; empty slices are left out.

    Shapes: values model -> metric -> (n,).
    """
    member = slice_of(activity, edges)
    rows: list[dict[str, object]] = []
    for number, name in enumerate(slice_names(edges)):
        inside = member == number
        if inside.any():
            rows += [_row(name, model, inside, metrics) for model, metrics in values.items()]
    return rows


def _row(name: str, model: str, inside: np.ndarray, metrics: dict[str, np.ndarray]) -> dict[str, object]:
    averages = {metric: float(column[inside].mean()) for metric, column in metrics.items()}
    return {"slice": name, "model": model, "users": int(inside.sum()), **averages}
