"""Small tables of events for the tests of retraining."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from recsmith.retrain import log as event_log
from recsmith.retrain.log import COLUMNS
from recsmith.tables.schema import SCHEMA

DAY = 86_400
START = 1_700_000_000
Event = tuple[str | None, str | None, int, float | None, str]


def table(events: Iterable[Event]) -> pa.Table:
    """Events (user, item, time, weight, event) as a table with the columns of the log."""
    columns = list(zip(*events, strict=True)) or [()] * len(COLUMNS)
    schema = pa.schema([SCHEMA.field(name) for name in COLUMNS])
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)


def events(n: int, start: int = START, users: int = 5, step: int = 60) -> list[Event]:
    """``n`` different events, a minute apart."""
    return [(f"u{k % users}", f"i{k % 7}", start + step * k, 1.0, "view") for k in range(n)]


def write_csv(path: Path, rows: Iterable[Event]) -> Path:
    """The events as a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.csv.write_csv(table(rows), path)
    return path


def rows(folder: Path) -> list[tuple[object, ...]]:
    """All events of a log, as they lie in it."""
    found = event_log.events(folder, event_log.read_log(folder).parts)
    return list(zip(*(found[name].to_pylist() for name in COLUMNS), strict=True))
