"""Exact top k: a scan of the sketch, then exact scores of the few items that may still be among the best."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsmith.serving.select import ordered, reached
from recsmith.serving.sketch import ROUNDING, Sketch
from recsmith.serving.vector_table import VectorTable

LEAST = np.finfo(np.float32).min
FEW = 16
"""Times k items a query are scored exactly without a second look at how far off they may be."""


def scan(
    table: VectorTable,
    sketch: Sketch,
    queries: np.ndarray,
    k: int,
    *,
    rest: np.ndarray | None = None,
    hide: Callable[[np.ndarray], np.ndarray] | None = None,
    items: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` highest of each row of ``queries table^T + rest``, exactly; ties go to the lower index.

    ``sketch`` is of all rows of ``table``, or of the rows ``items`` (n,) alone, which are then all that is looked at;
    ``hide`` puts -inf into (B, n) scores, in place, where an item may not be chosen.

    An item whose estimate lies further below the k-th best than twice the largest bound cannot be among the best; where
    that leaves many, each is held against its own bound.
    Shapes: queries (B, r), rest (B, n) float32 or None for zeros -> items (B, k) int32, -1 where there are no more;
    scores (B, k) float32, -inf there.
    """
    estimate, off = sketch.scores(queries)
    if rest is not None:
        estimate += rest
    if hide is not None:
        hide(estimate)
    top = reached(estimate, min(k, estimate.shape[1]))
    near = top - 2 * (off @ sketch.longest) - ROUNDING * np.abs(top)
    # The flat form finds few among many far faster than that of two dimensions.
    query, place = np.divmod(np.flatnonzero(estimate >= np.maximum(near, LEAST)[:, None]), estimate.shape[1])
    if len(place) > FEW * k * len(queries):
        slack = np.einsum("mc,mc->m", off[query], sketch.lengths[place])
        kept = _within(query, place, estimate[query, place], slack, len(queries), k)
        query, place = query[kept], place[kept]
    found = place if items is None else items[place]
    values = np.einsum("mr,mr->m", table.rows(found), queries[query])
    if rest is not None:
        values += rest[query, place]
    return ordered(query, found, values, len(queries), k)


def _within(
    query: np.ndarray, place: np.ndarray, about: np.ndarray, slack: np.ndarray, count: int, k: int
) -> np.ndarray:
    """Which entries may, by their own bounds, be among the ``k`` best of their query. Shapes: (m,) -> (m,) bool."""
    least = ordered(query, place, about - slack, count, k)[1][:, -1]
    return about + slack >= (least - ROUNDING * np.abs(least))[query]
