"""Ids from small files: CSV, TSV, Parquet, or one a line; nothing in them is stripped or padded."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

from recsmith.errors import UserError
from recsmith.files import read_text
from recsmith.serving.arrow import read_columns

DELIMITERS = {".csv": ",", ".tsv": "\t"}
PARQUET = (".parquet", ".pq")


def rows(path: Path, names: Sequence[str], due: str) -> list[tuple[str, ...]]:
    """The values of some columns in each row that has all of them; what is not Parquet or TSV is read as CSV.

    Raises UserError where the file cannot be read or a column is missing; ``due`` says there what is wanted.
    """
    if path.suffix in PARQUET:
        return _whole(read_columns(path, names))
    # Lines end where CSV says, and not at every character that text may be broken at.
    table = csv.DictReader(StringIO(read_text(path, due), newline=""), delimiter=DELIMITERS.get(path.suffix, ","))
    try:
        given = table.fieldnames or ()
        missing = [name for name in names if name not in given]
        if missing:
            raise UserError(f"{path} has no column {missing[0]!r}. It has: {', '.join(given) or 'nothing'}.")
        return _whole(tuple(row[name] for name in names) for row in table)
    except csv.Error as error:
        raise UserError(f"{path}, line {table.line_num}, is not CSV: {error}.") from error


def listed(path: Path, name: str, due: str) -> list[str]:
    """Ids in the order of the file, each once: one a line, or the column ``name`` of a Parquet, CSV or TSV file.

    Raises UserError where the file cannot be read, has no such column, or names nothing; ``due`` says what is wanted.
    """
    if path.suffix in (*PARQUET, *DELIMITERS):
        found = [value for (value,) in rows(path, (name,), due)]
    else:
        found = [line.removesuffix("\n") for line in StringIO(read_text(path, due), newline=None) if line.strip()]
    if not found:
        raise UserError(f"{path} names nothing; it must hold one id a line, or a column {name!r}.")
    return list(dict.fromkeys(found))


def _whole(found: Iterable[tuple[str | None, ...]]) -> list[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in found if all(value not in (None, "") for value in row)]
