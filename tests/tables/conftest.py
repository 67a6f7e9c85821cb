"""A connection for all tests of tables, and tables from short rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import ibis
import pyarrow as pa
import pytest
from ibis.backends.duckdb import Backend

from recsmith.tables.connect import SCHEMA, connect

Make = Callable[[Sequence[tuple]], ibis.Table]


@pytest.fixture(scope="session")
def backend() -> Iterator[Backend]:
    connection = connect(threads=1)
    yield connection
    connection.disconnect()


@pytest.fixture(scope="session")
def make(backend: Backend) -> Make:
    """Interactions from rows (user, item, timestamp, weight, event, split); the last ones may be left out."""

    def _make(rows: Sequence[tuple]) -> ibis.Table:
        full = [(*row, *(None, None, None, "interaction", None)[len(row) - 1 :]) for row in rows]
        columns = [[row[n] for row in full] for n in range(len(SCHEMA.names))]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
        name = f"given_{next(_NUMBERS)}"
        backend.con.register(name, pa.table(arrays, schema=SCHEMA))
        return backend.table(name)

    return _make


_NUMBERS = iter(range(10**9))
