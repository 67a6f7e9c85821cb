"""The event log: append-only parts and one file that says which of them count.

A part counts from the moment that ``log.json`` names it. That file is replaced at once, with the marks of the sources
in it, so a kill at any moment leaves the log as it was before a batch or as it is after it.
"""

from __future__ import annotations

import hashlib
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from recsmith.config.base import Section, parse
from recsmith.errors import UserError
from recsmith.files import digest, file_hash, on_disk, read_json, remove_asides, replacing, write_json
from recsmith.sources.arrow import pc
from recsmith.tables import columns as c
from recsmith.tables.schema import SCHEMA

NAME = "log.json"
PARTS = "parts"
IDENTITY = (c.USER, c.ITEM, c.EVENT, c.TIMESTAMP)
"""Rows that agree in these are one event."""
COLUMNS = (c.USER, c.ITEM, c.TIMESTAMP, c.WEIGHT, c.EVENT)
ORDER = (c.USER, c.TIMESTAMP, c.ITEM, c.EVENT, c.WEIGHT)
LAST = 8
"""Batches that a new one is compared with."""


class Part(Section):
    """One file of events; ``first`` and ``last`` are its times in UTC seconds."""

    file: str
    sha256: str
    rows: int
    first: int
    last: int


class Taken(Section):
    """One batch that was taken."""

    batch: str
    """sha256 of its content."""
    name: str
    rows: int
    """As they came."""
    new: int
    doubled: int
    """In the batch twice, or in the log already."""
    late: int
    """Of the new ones, those older than the newest event before them."""
    left_out: int = 0
    """Rows without user, item or time."""
    part: int = 0
    """Number of the part that holds the new ones; 0 where none was new."""
    marks: dict[str, int] = Field(default_factory=dict)
    """Those that it set."""


class Withdrawn(Section):
    """One batch that was taken, and then was not: it is not taken again unasked."""

    batch: str
    name: str
    reason: str


class Log(Section):
    """What ``log.json`` holds."""

    version: int = Field(default=1, le=1)
    parts: tuple[Part, ...] = ()
    batches: tuple[Taken, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    marks: dict[str, int] = Field(default_factory=dict)
    """Source -> highest mark that was read."""
    until: int | None = None
    """The data date: events from this UTC second on are not read. None: all are."""

    @property
    def digest(self) -> str:
        """A name for the events that are read."""
        return digest([[part.sha256 for part in self.parts], self.until])

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def last(self) -> int | None:
        """The newest time in it."""
        return max((part.last for part in self.parts), default=None)

    @property
    def usual_size(self) -> float | None:
        """Median of the rows of the last batches; None before there are three."""
        sizes = [batch.rows for batch in self.batches[-LAST:]]
        return statistics.median(sizes) if len(sizes) >= 3 else None

    def knows(self, batch: str) -> bool:
        """Whether a batch with this content was taken."""
        return any(taken.batch == batch for taken in self.batches)

    def refusal(self, batch: str) -> str | None:
        """Why a batch with this content was withdrawn; None where it was not."""
        return next((gone.reason for gone in self.withdrawn if gone.batch == batch), None)


def read_log(folder: Path) -> Log:
    """The log in ``folder``, an empty one where there is none yet."""
    path = folder / NAME
    return parse(read_json(path), Log, str(path)) if path.exists() else Log()


def open_log(folder: Path) -> Log:
    """As :func:`read_log`, for the only writer: what killed writers left is removed."""
    log = read_log(folder)
    counted = {part.file for part in log.parts}
    for place in (folder, folder / PARTS):
        if place.is_dir():
            remove_asides(place)
    for path in (folder / PARTS).glob("*.parquet"):
        if f"{PARTS}/{path.name}" not in counted:
            path.unlink()
    return log


def events(folder: Path, parts: Iterable[Part], columns: Iterable[str] = COLUMNS) -> pa.Table:
    """The rows of ``parts`` one below the other; UserError where one is missing or cannot be read."""
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    return pa.concat_tables([schema.empty_table(), *(_rows(folder / part.file, schema.names) for part in parts)])


def _rows(path: Path, columns: list[str]) -> pa.Table:
    try:
        return pq.ParquetFile(path).read(columns)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(
            f"{path} is named by the event log and cannot be read: {error}. "
            "Bring it back with `dvc checkout data/events.dvc`."
        ) from error


def append(
    folder: Path,
    log: Log,
    batch: str,
    name: str,
    table: pa.Table,
    *,
    left_out: int = 0,
    marks: Mapping[str, int] | None = None,
) -> Log:
    """The log with the events of a batch that it has not yet; it is on disk when this returns.

    ``table`` has :data:`COLUMNS` without nulls in ids and times; ``left_out`` rows had some. ``marks`` are set with it.
    """
    new = _unknown(folder, log, once(table))
    late = 0 if log.last is None else pc.sum(pc.less(new[c.TIMESTAMP], log.last)).as_py() or 0
    taken = Taken(
        batch=batch,
        name=name,
        rows=table.num_rows + left_out,
        new=new.num_rows,
        doubled=table.num_rows - new.num_rows,
        late=late,
        left_out=left_out,
        part=_free_number(log) if new.num_rows else 0,
        marks=dict(marks or {}),
    )
    parts = (*log.parts, _written(folder, taken.part, new)) if new.num_rows else log.parts
    changed = {"parts": parts, "batches": (*log.batches, taken), "marks": {**log.marks, **(marks or {})}}
    return save(folder, log.model_copy(update=changed))


def _free_number(log: Log) -> int:
    return 1 + max([*(number(part) for part in log.parts), *(taken.part for taken in log.batches)], default=0)


def number(part: Part) -> int:
    """The number that a part was written under; it keeps it when it is rewritten."""
    return int(Path(part.file).name[:6])


def save(folder: Path, log: Log) -> Log:
    """Put ``log`` in the place of the one on disk."""
    write_json(folder / NAME, log.model_dump(mode="json"))
    on_disk(folder)
    return log


def rewrite(folder: Path, change: Callable[[Path], int]) -> int:
    """Put every part through ``change``, which takes rows out of a Parquet file and says how many; returns their sum.

    Changed parts are written under new names; the log names them, and no more the old ones, at once.
    """
    log = open_log(folder)
    parts, gone = [], 0
    for part in log.parts:
        with tempfile.TemporaryDirectory() as beside:
            copy = Path(shutil.copy2(folder / part.file, beside))
            left_out = change(copy)
            left = pq.ParquetFile(copy).read()
        if left_out and left.num_rows:
            part = _written(folder, number(part), left.select(list(COLUMNS)))
        if left.num_rows:
            parts.append(part)
        gone += left_out
    if gone:
        save(folder, log.model_copy(update={"parts": tuple(parts)}))
        open_log(folder)
    return gone


def once(table: pa.Table) -> pa.Table:
    """Each event once (of rows that are one event the one with the least weight), in the canonical order."""
    ordered = table.select(list(COLUMNS)).sort_by([(name, "ascending") for name in ORDER])
    kept = ordered.append_column("row", pa.array(range(ordered.num_rows), pa.int64()))
    first = kept.group_by(list(IDENTITY), use_threads=False).aggregate([("row", "min")])["row_min"]
    return ordered.take(first.sort()) if ordered.num_rows else ordered


def _unknown(folder: Path, log: Log, table: pa.Table) -> pa.Table:
    """The rows that are not in the log; only parts of the same time can hold them."""
    if not table.num_rows:
        return table
    first, last = pc.min(table[c.TIMESTAMP]).as_py(), pc.max(table[c.TIMESTAMP]).as_py()
    same_time = [part for part in log.parts if part.first <= last and first <= part.last]
    known = events(folder, same_time, IDENTITY)
    left = table.join(known, list(IDENTITY), join_type="left anti", use_threads=False)
    return left.select(list(COLUMNS)).sort_by([(name, "ascending") for name in ORDER])


def _written(folder: Path, number: int, table: pa.Table) -> Part:
    """A part on disk; it counts once the log names it."""
    content = pa.BufferOutputStream()
    pq.write_table(table.combine_chunks(), content, compression="zstd", store_schema=False)
    sha256 = hashlib.sha256(content.getvalue()).hexdigest()
    file = f"{PARTS}/{number:06d}-{sha256[:12]}.parquet"
    with replacing(folder / file) as aside:
        aside.write_bytes(content.getvalue())
        on_disk(aside)
    times = table[c.TIMESTAMP]
    return Part(file=file, sha256=sha256, rows=table.num_rows, first=pc.min(times).as_py(), last=pc.max(times).as_py())


def damaged(folder: Path, log: Log) -> list[str]:
    """Parts that are missing or are not what was written."""
    return [
        part.file
        for part in log.parts
        if not (folder / part.file).is_file() or file_hash(folder / part.file) != part.sha256
    ]
