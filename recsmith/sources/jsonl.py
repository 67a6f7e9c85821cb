"""JSON lines (one object a line; gzip too) with a column map."""

from __future__ import annotations

import gzip
import itertools
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from recsmith.config.ingest import FileSpec, Ingest
from recsmith.errors import UserError
from recsmith.sources import places, records
from recsmith.sources.canonical import Raw, canonical
from recsmith.sources.contract import Tables, merged

BATCH = 50_000
GZIP = b"\x1f\x8b"


def read(params: Ingest, root: Path) -> Tables:
    """Every file of ``params.files`` (or ``params.path`` itself), in their order."""
    return merged([canonical(load(path, shown, spec), spec) for path, shown, spec in places.given(params, root)])


def load(path: Path, shown: str, spec: FileSpec) -> Raw:
    """The whole file; a key that a line lacks is null there. UserError names the first line that is no JSON object."""
    return Raw(records.table(_tables(path, shown)), shown, word="record")


def _tables(path: Path, shown: str) -> Iterator[pa.Table]:
    """Batches of objects as columns, keys in the order in which they first appear."""
    rows = objects(path, shown)
    while batch := list(itertools.islice(rows, BATCH)):
        names = list(dict.fromkeys(name for row in batch for name in row))
        yield records.columns(names, [[row.get(name) for row in batch] for name in names])


def objects(path: Path, shown: str) -> Iterator[dict[str, Any]]:
    """The objects of the file, one a line; empty lines are passed over."""
    try:
        with opened(path) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _object(line, number, shown)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{shown} is compressed and cut off or damaged: {error}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{shown} is not JSON lines: it is not text (UTF-8).") from error


@contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """The file as text, unpacked where its first bytes say gzip."""
    with path.open("rb") as handle:
        packed = handle.read(2) == GZIP
    with gzip.open(path, "rt", encoding="utf-8-sig") if packed else path.open(encoding="utf-8-sig") as lines:
        yield lines


def _object(line: str, number: int, shown: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(f"{shown}, line {number} is not JSON ({error}): {line.strip()[:120]!r}.") from error
    if not isinstance(value, dict):
        raise UserError(
            f'{shown}, line {number}: one JSON object a line is due, e.g. {{"user_id": 1, "item_id": 2}}; '
            f"there is {line.strip()[:60]!r}."
        )
    return value
