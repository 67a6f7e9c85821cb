"""A connection for all tests of tables, and tables from short rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import ibis
import pytest
from ibis.backends.duckdb import Backend
from interaction_rows import interactions

from recsmith.tables.connect import connect

Make = Callable[[Sequence[tuple]], ibis.Table]


@pytest.fixture(scope="session")
def backend() -> Iterator[Backend]:
    connection = connect(threads=1)
    yield connection
    connection.disconnect()


@pytest.fixture(scope="session")
def make(backend: Backend) -> Make:
    """Interactions from rows (user, item, timestamp, weight, event, split, position); the last ones may be left out."""

    def _make(rows: Sequence[tuple]) -> ibis.Table:
        full = [(*row, *(None, None, "interaction")[len(row) - 2 :]) for row in rows]
        name = f"given_{next(_NUMBERS)}"
        backend.con.register(name, interactions(full))
        return backend.table(name)

    return _make


_NUMBERS = iter(range(10**9))
