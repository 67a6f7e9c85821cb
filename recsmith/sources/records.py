"""Python values to Arrow columns, for sources whose columns have no one type (JSON, SQLite)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from recsmith.sources.values import text


def columns(names: Sequence[str], batches: Iterable[Sequence[Sequence[Any]]]) -> pa.Table:
    """Batches of rows as one table; a column whose values are of several kinds becomes text, value by value."""
    chunks: list[list[pa.Array]] = [[] for _ in names]
    for batch in batches:
        for chunk, values in zip(chunks, zip(*batch, strict=True), strict=False):
            chunk.append(_array(list(values)))
    return pa.table([_column(chunk) for chunk in chunks], names=list(names))


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
