"""How many interactions a step takes where the parameters leave it to the data."""

from __future__ import annotations

import math

STEPS = 40
"""Steps of an epoch that are aimed at: some thirty epochs are then a good thousand steps, whatever the data."""
LEAST, MOST = 1024, 16384


def batch_size(n_edges: int) -> int:
    """The power of two nearest (by ratio) to a fortieth of ``n_edges``, within 1,024 and 16,384."""
    nearest = 2 ** round(math.log2(max(1, n_edges) / STEPS))
    return int(min(max(nearest, LEAST), MOST))
