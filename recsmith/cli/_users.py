"""User ids from a file."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from recsmith.errors import UserError
from recsmith.serving.arrow import read_column
from recsmith.tables.columns import USER

DELIMITERS = {".csv": ",", ".tsv": "\t"}


def add_key(parser: argparse.ArgumentParser) -> None:
    """The option that names the key of pseudonyms."""
    parser.add_argument(
        "--key-variable",
        default="RECSMITH_PSEUDONYM_KEY",
        metavar="NAME",
        help="environment variable with the key, where the bundle knows people by pseudonyms (default: %(default)s)",
    )


def read_users(path: Path) -> list[str]:
    """Ids in the order of the file, each once: one a line, or the column user_id of a Parquet, CSV or TSV file.

    Raises UserError where the file cannot be read, has no such column, or names nobody.
    """
    ids = list(dict.fromkeys(_ids(path)))
    if not ids:
        raise UserError(f"{path} names no users; it must hold one id a line, or a column {USER!r}.")
    return ids


def _ids(path: Path) -> list[str]:
    if path.is_dir():
        raise UserError(f"{path} is a folder; --users takes a file or the word all.")
    if path.suffix in (".parquet", ".pq"):
        return read_column(path, USER)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; --users takes a file or the word all.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text; --users takes one id a line, CSV or Parquet.") from error
    if path.suffix in DELIMITERS:
        return _column(path, text, DELIMITERS[path.suffix])
    return [line.strip() for line in text.splitlines() if line.strip()]


def _column(path: Path, text: str, delimiter: str) -> list[str]:
    rows = csv.DictReader(text.splitlines(), delimiter=delimiter)
    if USER not in (rows.fieldnames or ()):
        raise UserError(f"{path} has no column {USER!r}. It has: {', '.join(rows.fieldnames or ()) or 'nothing'}.")
    return [row[USER] for row in rows if row[USER]]
