"""One query's exact top k: a scan of the sketch, then exact scores of the few items that may still be among them."""

from __future__ import annotations

import numpy as np

from recsmith.serving.select import ordered, reached
from recsmith.serving.sketch import ROUNDING, Sketch
from recsmith.serving.vector_table import VectorTable


def scan(
    table: VectorTable, sketch: Sketch, query: np.ndarray, rest: np.ndarray, k: int, items: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` highest of ``table query + rest``, exactly; ties go to the lower index.

    ``sketch`` and ``rest`` are of all rows, or of the rows ``items`` (n,) alone, which are then all that is looked at.

    An item whose estimate plus its bound stays below the k-th best of the estimates minus their bounds cannot be among
    the best.
    Shapes: query (r,), rest (n,) float32, -inf where an item may not be chosen -> items (1, k) int32, -1 where there
    are no more; scores (1, k) float32, -inf there.
    """
    estimate, slack = sketch.scores(query)
    estimate += rest
    least = reached(estimate - slack, min(k, len(rest)))
    estimate += slack
    columns = np.flatnonzero(estimate >= least - ROUNDING * abs(least) if least > -np.inf else rest > -np.inf)
    found = columns if items is None else items[columns]
    values = (table.rows(found) * query).sum(axis=1) + rest[columns]
    return ordered(np.zeros(len(found), np.int64), found, values, 1, k)
