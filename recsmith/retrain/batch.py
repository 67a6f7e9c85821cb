"""A batch of new events: a file of the inbox, or the newest rows of a query, with a name for its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from recsmith.config.ingest import FileSpec, Format, Ingest
from recsmith.config.retrain import Inbox, Query
from recsmith.errors import UserError
from recsmith.files import file_hash
from recsmith.retrain.log import COLUMNS, ORDER


@dataclass(frozen=True)
class Batch:
    """Interactions as they came, with the columns of the log; nulls and doubled rows included."""

    name: str
    digest: str
    """sha256 of the file, or of the rows that a query gave."""
    table: pa.Table
    marks: dict[str, int] = field(default_factory=dict)
    """Highest mark among the rows, by source."""


class Unsteady(Exception):
    """The file was changed while it was read: nothing is known of it, and it waits."""


def read_file(path: Path, digest: str, inbox: Inbox) -> Batch:
    """A file in any format that the stage ingest reads; ``digest``: the sha256 that it is to have.

    Raises Unsteady where it was changed meanwhile; UserError, or whatever a reader raises, where it cannot be read.
    """
    try:
        table = _read(path.parent, path.name, inbox.format, inbox.spec)
    except Exception:  # whatever a reader makes of half a file says nothing of the whole; else it is raised
        if hash_now(path) != digest:
            raise Unsteady from None
        raise
    if hash_now(path) != digest:
        raise Unsteady
    return Batch(path.name, digest, table)


def hash_now(path: Path) -> str | None:
    """sha256 of what a file holds now; None where it is gone."""
    return file_hash(path) if path.is_file() else None


def _read(folder: Path, name: str, given: Format | None, spec: FileSpec) -> pa.Table:
    from recsmith.sources.look import look
    from recsmith.sources.registry import FORMATS

    form = given or spec.format or look(folder / name).format
    if form is None:
        raise UserError(f"{name} holds no interactions in a format that is known ({', '.join(sorted(FORMATS))}).")
    params = Ingest.model_construct(source="files", path=name, format=form, files=(spec,) if _whole(form) else ())
    return FORMATS[form](params, folder).interactions.select(list(COLUMNS))


def _whole(form: Format) -> bool:
    """Whether one file of this format can be any table; the others say by their names what they hold."""
    return form in ("delimited", "jsonl", "parquet")


def read_query(query: Query, root: Path, mark: int | None) -> Batch | None:
    """The rows above ``mark`` and those within the overlap below it; None where there is none."""
    from recsmith.sources import sql

    low = None if mark is None else mark - overlap(query)
    found = sql.newer(query, root, low)
    if found is None:
        return None
    table, highest = found
    rows = table.select(list(COLUMNS)).sort_by([(name, "ascending") for name in ORDER])
    return Batch("sql", content(rows), rows, {"sql": highest if mark is None else max(mark, highest)})


def overlap(query: Query) -> int:
    """The overlap in units of the mark; 0 where the mark is no time."""
    if query.mark != "timestamp":
        return 0
    return query.overlap_seconds * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[query.timestamp_unit]


def content(table: pa.Table) -> str:
    """sha256 of the values of ordered rows."""
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.sha256(stream.getvalue()).hexdigest()
