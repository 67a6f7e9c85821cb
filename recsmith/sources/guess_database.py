"""A query for an SQLite database: from the one table that has users and items."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from recsmith.errors import UserError
from recsmith.sources import meanings
from recsmith.sources.guess_file import Ask
from recsmith.tables import columns as c

MAGIC = b"SQLite format 3"
SAMPLE = 500
UNITS = ("s", "ms", "us", "ns", "iso")


def is_database(path: Path) -> bool:
    """Whether the file is an SQLite database."""
    with path.open("rb") as handle:
        return handle.read(len(MAGIC)) == MAGIC


def section(path: Path, shown: str, ask: Ask) -> dict[str, Any]:
    """The ``ingest`` section; UserError lists the tables where none has users and items by name."""
    tables = _tables(path)
    acting = [name for name, columns in tables.items() if meanings.role_of(columns) == "interactions"]
    if not acting:
        listed = "; ".join(f"{name}: {', '.join(columns)}" for name, columns in tables.items())
        raise UserError(
            f"{path} has no table whose columns say user and item ({listed or 'it has no tables'}). Write "  # nosec B608: words
            "params.yaml: ingest.sql.query yourself: SELECT ... AS user_id, ... AS item_id, ... AS timestamp FROM ..."
        )
    chosen = acting[0]
    if len(acting) > 1:
        chosen = ask(f"{path.name}: which table holds the interactions?", acting, f"--role {chosen}=interactions")
    sql = {"backend": "sqlite", "query": _query(chosen, tables[chosen], "interactions")}
    sql |= _unit(path, sql["query"], ask)
    items = [name for name, columns in tables.items() if meanings.role_of(columns) == "items"]
    if len(items) == 1:
        sql["items_query"] = _query(items[0], tables[items[0]], "items")
    return {"source": "sql", "path": shown, "sql": sql}


def _tables(path: Path) -> dict[str, list[str]]:
    """Table (or view) -> columns."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name")
        return {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(name)})")]
            for (name,) in names.fetchall()
        }


def _query(table: str, columns: list[str], role: str) -> str:
    """Canonical names for the columns that are understood; for items all others too."""
    found: dict[str, str] = {}
    for name, words in meanings.WORDS[role].items():
        match = meanings.matches([column for column in columns if column not in found.values()], words)
        if match:
            found[name] = match[0]
    parts = [f"{_quoted(column)} AS {name}" for name, column in found.items()]
    if role == "items":
        parts += [_quoted(column) for column in columns if column not in found.values() and column != c.ITEM]
    return f"SELECT {', '.join(parts)} FROM {_quoted(table)}"  # nosec B608: names are quoted


def _unit(path: Path, query: str, ask: Ask) -> dict[str, str]:
    """``timestamp_unit``, where it is not seconds."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        cursor = connection.execute(f"{query} LIMIT {SAMPLE}")
        names = [column[0] for column in cursor.description]
        times = [row[names.index(c.TIMESTAMP)] for row in cursor] if c.TIMESTAMP in names else []
    unit = meanings.unit_of([value for value in times if value not in (None, "")])
    unit = unit or ask(f"{path.name}: in which unit is {times[0]!r}?", UNITS, "--timestamp-unit s")
    return {} if unit == "s" else {"timestamp_unit": unit}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
