"""The result of an SQL query with canonical column names: SQLite in place, PostgreSQL as a snapshot that fetch took."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from recsmith.config.ingest import RAW, FileSpec, Ingest, Role, Sql
from recsmith.config.retrain import Query
from recsmith.errors import Unreachable, UserError
from recsmith.files import digest, read_json, replacing, write_json
from recsmith.sources import places, records
from recsmith.sources.arrow import pc
from recsmith.sources.canonical import Raw, canonical
from recsmith.sources.contract import Tables, merged

BATCH = 50_000


def read(params: Ingest, root: Path) -> Tables:
    """Run the queries (SQLite), or read the snapshot of exactly these queries (PostgreSQL)."""
    sql = _given(params)
    if sql.backend == "postgres":
        return _snapshot(params, root)
    path = places.base(params, root)
    tables = _query(_sqlite(places.checked(path, params.path), params.path), sql)
    return merged([canonical(raw, spec) for raw, spec in tables])


def _given(params: Ingest) -> Sql:
    if params.sql is None:
        raise UserError("params.yaml: ingest.sql.query is due where ingest.source is sql.")
    return params.sql


def queries(sql: Sql) -> dict[Role, str]:
    """Role -> query, for those that are given."""
    all_of_them: dict[Role, str | None] = {
        "interactions": sql.query,
        "items": sql.items_query,
        "users": sql.users_query,
    }
    return {role: query for role, query in all_of_them.items() if query}


def _query(connection: Any, sql: Sql) -> Iterator[tuple[Raw, FileSpec]]:
    for role, query in queries(sql).items():
        yield Raw(_run(connection, query, role), f"{sql.backend} {role} query"), _spec(sql, role)


def _spec(sql: Sql, role: Role) -> FileSpec:
    return FileSpec(role=role, timestamp_unit=sql.timestamp_unit)


def _run(connection: Any, query: str, role: str) -> pyarrow.Table:
    """The rows as they come, typed by their values: SQLite's declared types say nothing about an expression."""
    cursor = _executed(connection, query, role)
    if cursor.description is None:
        raise UserError(f"params.yaml: ingest.sql: the {role} query returns no rows to read; a SELECT is due.")
    names = [column[0] for column in cursor.description]
    batches = iter(lambda: cursor.fetchmany(BATCH), [])
    table = records.table(records.columns(names, zip(*batch, strict=True)) for batch in batches)
    connection.con.rollback()
    return table if table.num_columns else pa.table({name: pa.nulls(0) for name in names})


def _executed(connection: Any, query: str, role: str) -> Any:
    cursor = connection.con.cursor()
    try:
        cursor.execute(query)
    except connection_errors() as error:
        raise UserError(
            f"params.yaml: ingest.sql: the {role} query fails: {str(error).strip()}. It is: {query!r}."
        ) from error
    return cursor


def connection_errors() -> tuple[type[Exception], ...]:
    """What the drivers raise."""
    import sqlite3

    import psycopg

    return (sqlite3.Error, psycopg.Error)


def _sqlite(path: Path, shown: str) -> Any:
    import ibis

    with path.open("rb") as handle:
        if not handle.read(16).startswith(b"SQLite format 3"):
            raise UserError(f"{shown} is not an SQLite database (params.yaml: ingest.path).")
    return ibis.sqlite.connect(path)


def _postgres(sql: Sql) -> Any:
    import ibis

    address = os.environ.get(sql.dsn_variable)
    if not address:
        raise UserError(
            f"the environment variable {sql.dsn_variable} is not set; it must hold the PostgreSQL address, "
            "e.g. postgresql://user:password@host:5432/database (params.yaml: ingest.sql.dsn_variable names it)."
        )
    try:
        return ibis.connect(address)
    except (*connection_errors(), ValueError) as error:
        raise Unreachable(
            f"PostgreSQL (address in {sql.dsn_variable}) does not answer: {str(error).strip()}."
        ) from error


def fetch(params: Ingest, root: Path) -> None:
    """Take a snapshot of the PostgreSQL queries into ``data/raw``; the address is kept nowhere."""
    sql = _given(params)
    connection = _postgres(sql)
    with replacing(root / RAW) as folder:
        folder.mkdir()
        rows = {}
        for raw, spec in _query(connection, sql):
            pyarrow.parquet.write_table(raw.table, folder / f"{spec.role}.parquet")
            rows[spec.role] = raw.table.num_rows
        write_json(folder / "source.json", {"name": "sql", "via": "postgres", "queries": _key(sql), "rows": rows})


def newer(query: Query, root: Path, low: int | None) -> tuple[pa.Table, int] | None:
    """Interactions whose mark is above ``low`` (None: all) and the highest mark; None where there is none.

    The database sees one SELECT around the query that was given, with ``low`` as a number in it.
    """
    where = "" if low is None else f" WHERE {_quoted(query.mark)} > {low}"
    asked = f"SELECT * FROM ({query.query.strip().rstrip(';')}) AS events{where}"  # nosec B608: the person's own query
    raw = Raw(_run(_opened(query, root), asked, "interactions"), f"{query.backend} query")
    if not raw.table.num_rows:
        return None
    return canonical(raw, _spec(query, "interactions")).interactions, _highest(raw.table, query.mark)


def _opened(query: Query, root: Path) -> Any:
    if query.backend == "postgres":
        return _postgres(query)
    if not query.path:
        raise UserError("params.yaml: retrain.sql.path is due: the database file (backend sqlite).")
    return _sqlite(places.checked(root / query.path, query.path), query.path)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _highest(table: pa.Table, mark: str) -> int:
    if mark not in table.column_names:
        present = ", ".join(table.column_names)
        raise UserError(f"params.yaml: retrain.sql.mark = {mark!r} is no column of the query. It has: {present}.")
    highest = pc.max(table[mark]).as_py()
    if not isinstance(highest, int) or isinstance(highest, bool):
        raise UserError(f"params.yaml: retrain.sql.mark = {mark!r} holds {highest!r}; whole numbers are due.")
    return highest


def _key(sql: Sql) -> str:
    return digest(dict(queries(sql)))


def _snapshot(params: Ingest, root: Path) -> Tables:
    sql, folder = _given(params), root / RAW
    source = read_json(folder / "source.json") if (folder / "source.json").exists() else {}
    if source.get("queries") != _key(sql):
        raise UserError(f"{RAW} holds no snapshot of these queries. Run `recsmith fetch` first.")
    parts = []
    for role in queries(sql):
        table = pyarrow.parquet.read_table(folder / f"{role}.parquet")
        parts.append(canonical(Raw(table, f"postgres {role} query"), _spec(sql, role)))
    return merged(parts)
