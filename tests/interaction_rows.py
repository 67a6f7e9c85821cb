"""Interactions from short rows, for tests of all rooms."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from recsmith.tables.schema import SCHEMA


def interactions(rows: Sequence[tuple]) -> pa.Table:
    """A table from rows (user, item, timestamp, weight, event, split, position); columns that are left out are null."""
    full = [(*row, *[None] * (len(SCHEMA) - len(row))) for row in rows]
    arrays = [pa.array([row[n] for row in full], field.type) for n, field in enumerate(SCHEMA)]
    return pa.table(arrays, schema=SCHEMA)
