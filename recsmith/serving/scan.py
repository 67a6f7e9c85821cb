"""Exact top k: a scan of the sketch, then exact scores of the few items that may still be among the best."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsmith.serving.select import ordered, reached
from recsmith.serving.sketch import ROUNDING, Sketch
from recsmith.serving.vector_table import VectorTable

LEAST = np.finfo(np.float32).min
FEW = 16
"""Times k items a query are scored exactly without a look at how far off each of them may be."""


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
    wanted = min(k, estimate.shape[1])
    top = reached(estimate, wanted)
    may = estimate >= _below(top, 2 * (off @ sketch.longest))
    if np.count_nonzero(may) > FEW * k * len(queries):
        slack = off @ sketch.lengths.T
        least = _below(reached(estimate - slack, wanted), 0)
        slack += estimate
        may = slack >= least
    # The flat form finds few among many far faster than that of two dimensions.
    query, place = np.divmod(np.flatnonzero(may), estimate.shape[1])
    found = place if items is None else items[place]
    values = np.einsum("mr,mr->m", table.rows(found), queries[query])
    if rest is not None:
        values += rest[query, place]
    return ordered(query, found, values, len(queries), k)


def _below(scores: np.ndarray, slack: np.ndarray | float) -> np.ndarray:
    """What is less by ``slack`` and rounding; above what may not be chosen. Shapes: (B,) -> (B, 1)."""
    return np.maximum(scores - slack - ROUNDING * np.abs(scores), LEAST)[:, None]
