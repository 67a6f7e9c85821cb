"""Small files of every format, all with the same interactions."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from recsmith.config.ingest import Ingest
from recsmith.sources.contract import Tables
from recsmith.sources.registry import read

NAMES = ("user_id", "item_id", "timestamp", "weight")
ROWS = [
    ("007", "1", 1_600_000_000, 4.5),
    ("007", "1", 1_600_000_000, 4.5),
    ("8", "i 2", 1_600_000_100, None),
    (None, "3", None, 1.0),
]
"""A doubled row, a missing weight, a missing id and time, and an id that looks like a number and is none."""
SQL = "SELECT who AS user_id, what AS item_id, at AS timestamp, stars AS weight FROM log"


def read_files(root: Path, **section: Any) -> Tables:
    """What the section (source files where it names none) reads below ``root``."""
    return read(Ingest.model_validate({"source": "files", **section}), root)


def lines(path: Path, *text: str) -> Path:
    """A text file of these lines."""
    path.write_text("".join(f"{line}\n" for line in text), encoding="utf-8")
    return path


def delimited(path: Path, rows: Sequence[Sequence[Any]] = ROWS, delimiter: str = ",") -> Path:
    body = [delimiter.join("" if cell is None else str(cell) for cell in row) for row in rows]
    return lines(path, delimiter.join(NAMES), *body)


def parquet(path: Path) -> Path:
    columns = [list(column) for column in zip(*ROWS, strict=True)]
    pyarrow.parquet.write_table(pa.table(columns, names=list(NAMES)), path)
    return path


def jsonl(path: Path) -> Path:
    text = "".join(json.dumps(dict(zip(NAMES, row, strict=True))) + "\n" for row in ROWS)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def recbole(path: Path) -> Path:
    body = ["\t".join("" if cell is None else str(cell) for cell in row) for row in ROWS]
    return lines(path, "user_id:token\titem_id:token\ttimestamp:float\trating:float", *body)


def sqlite(path: Path) -> Path:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE log (who TEXT, what TEXT, at INTEGER, stars REAL)")
    connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", ROWS)
    connection.commit()
    connection.close()
    return path
