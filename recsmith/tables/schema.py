"""Types of the interactions, once, in the order of ``columns.INTERACTIONS``."""

from __future__ import annotations

import pyarrow as pa

from recsmith.tables.columns import EVENT, ITEM, POSITION, SPLIT, TIMESTAMP, USER, WEIGHT

SCHEMA = pa.schema(
    [
        (USER, pa.string()),
        (ITEM, pa.string()),
        (TIMESTAMP, pa.int64()),
        (WEIGHT, pa.float64()),
        (EVENT, pa.string()),
        (SPLIT, pa.string()),
        (POSITION, pa.int64()),
    ]
)
