"""The one place that opens the engine and writes Parquet, so that equal tables give equal bytes."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from recsmith.errors import UserError
from recsmith.files import replacing
from recsmith.tables.columns import INTERACTIONS, ORDER
from recsmith.tables.schema import SCHEMA

ROW_GROUP = 1_000_000
_NUMBERS = itertools.count()


def connect(threads: int = 2, memory_mb: int | None = None) -> Backend:
    """A fresh in-memory DuckDB that fetches nothing from the network; ``engine`` is the one that closes itself.

    Beyond ``memory_mb`` it goes on on disk, in the system's folder for temporary files.
    """
    backend = ibis.duckdb.connect(":memory:", threads=threads, autoinstall_known_extensions=False)
    backend.raw_sql("SET TimeZone = 'UTC'")
    backend.raw_sql("SET enable_progress_bar = false")
    backend.raw_sql(f"SET temp_directory = '{Path(tempfile.gettempdir()) / f'recsmith-duckdb-{os.getpid()}'}'")
    if memory_mb is not None:
        backend.raw_sql(f"SET memory_limit = '{memory_mb}MiB'")
    return backend


@contextmanager
def engine(threads: int = 2, memory_mb: int | None = None) -> Iterator[Backend]:
    """``connect`` that closes itself; UserError where memory or the disk does not do."""
    backend = connect(threads, memory_mb)
    try:
        yield backend
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        reason = str(error).splitlines()[0]
        limit = "" if memory_mb is None else f" Raise run.memory_mb (now {memory_mb}) in params.yaml, or free the disk."
        raise UserError(f"The tables could not be worked on: {reason}{limit}") from error
    finally:
        backend.disconnect()


def kept(table: ibis.Table) -> ibis.Table:
    """``table`` computed now and held in memory until the connection closes.

    Ibis's own ``cache`` drops its tables while the interpreter ends, when the connection is gone: noise after an error.
    """
    return table.get_backend().create_table(f"kept_{next(_NUMBERS)}", table, temp=True)


def release(table: ibis.Table) -> None:
    """Forget a table that was :func:`kept`; nothing that reads it may be asked for after that."""
    backend: Any = table.get_backend()
    backend.raw_sql(f"DROP TABLE {table.get_name()}")


def count(table: ibis.Table) -> int:
    """The number of rows, now."""
    return int(table.count().to_pyarrow().as_py())


def read(backend: Backend, path: Path | str) -> ibis.Table:
    """The Parquet file at ``path`` as a table; UserError where it is missing or not Parquet."""
    if not Path(path).is_file():
        raise UserError(f"{path} does not exist; run the stage that writes it (dvc repro).")
    try:
        pq.read_schema(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path} is not a Parquet file that can be read: {error}.") from error
    return backend.read_parquet(str(path))


def write(table: ibis.Table, path: Path | str, order: Iterable[str]) -> int:
    """Write ``table`` ordered by the columns ``order`` (nulls first), whole or not at all; returns its rows."""
    arrow = table.order_by([ibis.asc(table[name], nulls_first=True) for name in order]).to_pyarrow()
    write_arrow(arrow, path)
    return arrow.num_rows


def write_interactions(table: ibis.Table, path: Path | str, *, nulls_first: bool = True, stored: bool = False) -> int:
    """Write canonical interactions in their order and with their types; returns the number of rows.

    A row group is in memory at a time; the rest is the engine's, within its limit and on disk beyond. ``stored`` keeps
    Arrow's own description of the columns in the file.
    """
    rows = 0
    groups = stream(table.select(*INTERACTIONS), ORDER, nulls_first=nulls_first)
    with replacing(path) as aside, _writer(aside, stored) as writer:
        for group in groups:
            writer.write_table(group.cast(SCHEMA).combine_chunks(), row_group_size=ROW_GROUP)
            rows += group.num_rows
        if not rows:
            writer.write_table(SCHEMA.empty_table())
    return rows


def _writer(path: Path, stored: bool) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, SCHEMA, compression="zstd", version="2.6", store_schema=stored)


def stream(table: ibis.Table, order: Iterable[str], *, nulls_first: bool) -> Iterator[pa.Table]:
    """The rows of ``table`` ordered by the columns ``order``, ``ROW_GROUP`` at a time."""
    backend: Any = table.get_backend()
    ordered = table.order_by([ibis.asc(table[name], nulls_first=nulls_first) for name in order])
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in backend.con.sql(backend.compile(ordered)).to_arrow_reader(ROW_GROUP):
        held.append(batch)
        size += batch.num_rows
        while size >= ROW_GROUP:
            group = pa.Table.from_batches(held)
            yield group.slice(0, ROW_GROUP)
            held, size = group.slice(ROW_GROUP).to_batches(), size - ROW_GROUP
    if size:
        yield pa.Table.from_batches(held)


def given(backend: Backend, table: pa.Table) -> ibis.Table:
    """An Arrow table as one of the engine's; nothing is copied."""
    name = f"given_{next(_NUMBERS)}"
    backend.con.register(name, table)
    return backend.table(name)


def write_arrow(table: pa.Table, path: Path | str) -> None:
    """Write an Arrow table with fixed settings, whole or not at all."""
    plain = table.replace_schema_metadata(None).combine_chunks()
    with replacing(path) as aside:
        pq.write_table(plain, aside, compression="zstd", version="2.6", row_group_size=ROW_GROUP, store_schema=False)
