"""Python values to Arrow columns, for sources whose columns have no one type (JSON, SQLite)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from recsmith.sources.values import text


def columns(names: Sequence[str], values: Iterable[Sequence[Any]]) -> pa.Table:
    """A batch of columns as a table; a column whose values are of several kinds becomes text, value by value."""
    return pa.table([_array(list(column)) for column in values], names=list(names))


def table(batches: Iterable[pa.Table]) -> pa.Table:
    """Batches below each other; columns that a batch lacks are null there, differing kinds become text."""
    parts = list(batches)
    names = dict.fromkeys(name for part in parts for name in part.column_names)
    return pa.table({name: _column([_chunk(part, name) for part in parts]) for name in names})


def _chunk(part: pa.Table, name: str) -> pa.Array:
    return part.column(name).combine_chunks() if name in part.column_names else pa.nulls(part.num_rows)


def _array(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _column(chunks: list[pa.Array]) -> pa.ChunkedArray:
    kinds = {chunk.type for chunk in chunks} - {pa.null()}
    if len(kinds) <= 1:
        kind = next(iter(kinds), pa.null())
        return pa.chunked_array([chunk.cast(kind) for chunk in chunks], kind)
    if kinds == {pa.int64(), pa.float64()}:
        return pa.chunked_array([chunk.cast(pa.float64(), safe=False) for chunk in chunks])
    return pa.chunked_array([part for chunk in chunks for part in text(pa.chunked_array([chunk])).chunks], pa.string())
