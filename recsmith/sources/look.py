"""What a person's file holds, judged by its first lines: format, columns, a few rows."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from recsmith.config.ingest import Format
from recsmith.errors import UserError
from recsmith.sources import jsonl, recbole, sniff
from recsmith.sources.values import python

ROWS = 500
TABULAR = ("delimited", "jsonl", "parquet")
SQLITE = b"SQLite format 3"
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class Look:
    """One file: for tables, its columns and sample rows; unknowns are None."""

    path: Path
    format: Format | None
    names: tuple[str, ...] = ()
    rows: tuple[tuple[object, ...], ...] = ()
    delimiters: dict[str, int] = field(default_factory=dict)
    """Delimited text: every delimiter that gives all lines the same number of columns."""
    lines: tuple[str, ...] = ()
    delimiter: str | None = None
    header: bool | None = None
    encoding: str = "utf-8"

    @property
    def tabular(self) -> bool:
        return self.format in TABULAR

    def column(self, name: str) -> list[object]:
        """Sample values of a column, without nulls and empty text."""
        index = self.names.index(name)
        return [row[index] for row in self.rows if index < len(row) and row[index] not in (None, "")]


def look(path: Path) -> Look:
    """Judge one file by its first bytes and lines; UserError where it is empty or a database."""
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty (0 bytes).")
    with path.open("rb") as handle:
        start = handle.read(16)
    if start.startswith(b"PAR1"):
        return _parquet(path)
    if start.startswith(SQLITE):
        return Look(path, None)
    if start.startswith(b"PK\x03\x04"):
        todo = "save it as CSV" if path.suffix in (".xlsx", ".ods") else "unpack it and name the files in it"
        raise UserError(f"{path} is packed; {todo}.")
    lines, encoding = _lines(path)
    if not lines:
        return Look(path, None)
    if lines[0].lstrip().startswith("{") or path.name.removesuffix(".gz").endswith(JSON_SUFFIXES):
        return _jsonl(path)
    if path.suffix in (*recbole.ROLES, ".link") and sniff.typed(lines[0]):
        return Look(path, "recbole", lines=tuple(lines))
    if _lightgcn(lines):
        return Look(path, "lightgcn", lines=tuple(lines))
    return Look(path, "delimited", delimiters=sniff.possible(lines), lines=tuple(lines), encoding=encoding)


def _lines(path: Path) -> tuple[list[str], str]:
    """Sample lines as UTF-8, or as Latin-1 where they are text but not UTF-8."""
    try:
        return sniff.sample(path), "utf-8"
    except UserError:
        lines = sniff.sample(path, "latin-1")
        odd = any(character < " " and character not in "\t\r\f" for line in lines for character in line)
        return ([] if odd else lines), "latin-1"


def _parquet(path: Path) -> Look:
    try:
        batches = pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=ROWS)
        sample = next(batches, None)
    except pa.ArrowInvalid as error:
        raise UserError(f"{path} cannot be read as Parquet: {error}.") from error
    if sample is None:
        raise UserError(f"{path} holds no rows.")
    rows = zip(*([python(value) for value in column] for column in sample.columns), strict=True)
    return Look(path, "parquet", tuple(sample.schema.names), tuple(rows))


def _jsonl(path: Path) -> Look:
    objects = list(itertools.islice(jsonl.objects(path, str(path)), ROWS))
    names = tuple(dict.fromkeys(name for row in objects for name in row))
    return Look(path, "jsonl", names, tuple(tuple(row.get(name) for name in names) for row in objects))


def _lightgcn(lines: list[str]) -> bool:
    """Whole numbers with spaces between, lines of different lengths, each user in one line only."""
    words = [line.split() for line in lines]
    if not all(word.isdigit() for line in words for word in line):
        return False
    return len({len(line) for line in words}) > 1 and len({line[0] for line in words}) == len(words)


def taken_apart(seen: Look, delimiter: str, header: bool) -> Look:
    """Delimited text once its delimiter and header are known."""
    rows = sniff.rows(list(seen.lines), delimiter, '"')
    names = [cell.strip() for cell in rows[0]] if header else [str(n) for n in range(len(rows[0]))]
    body = tuple(tuple(row) for row in (rows[1:] if header else rows))
    return replace(seen, names=tuple(names), rows=body, delimiter=delimiter, header=header)
