"""What every reader hands back: five canonical tables, whatever the source had."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from recsmith.tables import columns as c
from recsmith.tables.schema import SCHEMA

TEXT = pa.string()
SCHEMAS = {
    "interactions": SCHEMA,
    "users": pa.schema([(c.USER, TEXT)]),
    "items": pa.schema([(c.ITEM, TEXT), (c.TITLE, TEXT)]),
    "social": pa.schema([(c.SOURCE_USER, TEXT), (c.TARGET_USER, TEXT), (c.WEIGHT, pa.float64())]),
    "knowledge": pa.schema([(c.HEAD, TEXT), (c.RELATION, TEXT), (c.TAIL, TEXT)]),
}
"""Columns that are always there (``position`` comes from readers of lists, never from a column of a file); ``users``
and ``items`` may have more, all of them strings."""


def _empty(name: str) -> pa.Table:
    return SCHEMAS[name].empty_table()


@dataclass(frozen=True)
class Tables:
    """Everything a source holds, as it came: nulls and duplicates included, ids as strings, times in UTC seconds."""

    interactions: pa.Table = field(default_factory=lambda: _empty("interactions"))
    users: pa.Table = field(default_factory=lambda: _empty("users"))
    items: pa.Table = field(default_factory=lambda: _empty("items"))
    social: pa.Table = field(default_factory=lambda: _empty("social"))
    knowledge: pa.Table = field(default_factory=lambda: _empty("knowledge"))
    rows: dict[str, int] = field(default_factory=dict)
    """File (as the parameters name it) -> records read from it."""
    notes: tuple[str, ...] = ()
    """What a person should know about how the source was read."""


def merged(parts: list[Tables]) -> Tables:
    """Tables one below the other; where several describe users or items, one row for each id, the first value."""
    tables = {name: stacked(name, [getattr(part, name) for part in parts]) for name in c.TABLES}
    for name, key in (("users", c.USER), ("items", c.ITEM)):
        if sum(getattr(part, name).num_rows > 0 for part in parts) > 1:
            tables[name] = _one_row_each(tables[name], key)
    rows = {file: count for part in parts for file, count in part.rows.items()}
    return Tables(**tables, rows=rows, notes=tuple(note for part in parts for note in part.notes))


def _one_row_each(table: pa.Table, key: str) -> pa.Table:
    others = [name for name in table.column_names if name != key]
    first = table.group_by(key, use_threads=False).aggregate([(name, "first") for name in others])
    return pa.table({name: first.column(name if name == key else f"{name}_first") for name in table.column_names})


def stacked(name: str, tables: list[pa.Table]) -> pa.Table:
    """``tables`` of one kind below each other, starting with the columns that this kind always has."""
    return pa.concat_tables([_empty(name), *tables], promote_options="default")
