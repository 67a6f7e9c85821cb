"""Files looked into for a person, and rewritten without their rows: Parquet, bundles, delimited text, JSON lines."""

from __future__ import annotations

import csv
import gzip
import json
import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recsmith.config.ingest import FileSpec
from recsmith.errors import UserError
from recsmith.files import replacing
from recsmith.privacy.person import Person
from recsmith.serving import safetensors, tensors
from recsmith.sources.arrow import pc
from recsmith.sources.sniff import DELIMITERS, possible

PARQUET, GZIP = b"PAR1", b"\x1f\x8b"
LINES = 20
"""From which the shape of a text is seen."""
Holds = Callable[[str], bool]
"""Whether a record (with its line end) is of the person."""


def found(path: Path, person: Person, spec: FileSpec | None = None) -> int:
    """How many rows, or words of other files, are of the person; ``spec`` says what a file of the source is like."""
    start = _start(path)
    if start.startswith(PARQUET):
        return _parquet(path, person)[1]
    text = _text(path, start, person, spec)
    if text is not None:
        return text[1]
    return max(_bundled(path, person), _words(path, start, person))


def erase(path: Path, person: Person, spec: FileSpec | None = None) -> int:
    """Rewrite a table without the person's rows, whole or not at all; returns how many there were.

    Files that are no tables stay as they are: who finds the person there deletes them.
    """
    start = _start(path)
    if start.startswith(PARQUET):
        table, gone = _parquet(path, person)
        if gone and table is not None:
            with replacing(path) as aside:
                pq.write_table(table, aside, compression="zstd")
        return gone
    text = _text(path, start, person, spec)
    if text is None or not text[1]:
        return 0
    content = text[0].encode(_encoding(spec))
    with replacing(path) as aside:
        aside.write_bytes(gzip.compress(content, mtime=0) if start.startswith(GZIP) else content)
    return text[1]


def _start(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(8)


def _encoding(spec: FileSpec | None) -> str:
    return spec.encoding if spec else "utf-8"


def _parquet(path: Path, person: Person) -> tuple[pa.Table | None, int]:
    """The table without the person's rows, and how many they are."""
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException):
        return None, 0
    schema = file.schema_arrow
    named = [field.name for field in schema if field.name in person.columns]
    text = [field.name for field in schema if _is_text(field.type) and field.name not in named]
    keys = dict.fromkeys(named, person.names) | (dict.fromkeys(text, person.distinctive))
    if not _any(file, keys):
        return None, 0
    table = file.read()
    kept = table.filter(pc.invert(_mask(table, keys)))
    return kept, table.num_rows - kept.num_rows


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)


def _any(file: pq.ParquetFile, keys: dict[str, frozenset[str]]) -> bool:
    wanted = [name for name, names in keys.items() if names]
    batches = file.iter_batches(columns=wanted) if wanted else ()
    return any(pc.any(_mask(batch, {name: keys[name] for name in wanted})).as_py() for batch in batches)


def _mask(table: Any, keys: dict[str, frozenset[str]]) -> Any:
    """Which rows hold one of the names in one of the columns."""
    masks = [
        pc.is_in(table[name].cast(pa.string()), value_set=pa.array(sorted(names), pa.string()))
        for name, names in keys.items()
        if names
    ]
    mask = masks[0]
    for other in masks[1:]:
        mask = pc.or_(mask, other)
    return mask


def _bundled(path: Path, person: Person) -> int:
    """Whether the people of a bundle's tensors hold the person."""
    try:
        people = tensors.strings(safetensors.read(path), "user_ids")
    except UserError:
        return 0
    return 0 if people is None else sum(name in person.names for name in people)


def _words(path: Path, start: bytes, person: Person) -> int:
    """How often a distinctive name stands in the bytes of a file."""
    if person.words is None or not path.stat().st_size:
        return 0
    if start.startswith(GZIP):
        return len(person.words.findall(_unpacked(path) or b""))
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return sum(1 for _ in person.words.finditer(content))


def _unpacked(path: Path) -> bytes | None:
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError):
        return None


def _text(path: Path, start: bytes, person: Person, spec: FileSpec | None) -> tuple[str, int] | None:
    """The text without the person's records, and how many they are; None where it is no text with records of people."""
    content = (_unpacked(path) or b"") if start.startswith(GZIP) else path.read_bytes()
    if b"\0" in content[:64] and not _encoding(spec).startswith("utf-16"):
        return None
    try:
        text = content.decode(_encoding(spec))
    except UnicodeDecodeError:
        return None
    shape = _shape(text, person, spec)
    if shape is None:
        return None
    records, holds = shape
    kept, gone = [], 0
    for record in records:
        if holds(record):
            gone += 1
        else:
            kept.append(record)
    return "".join(kept), gone


def _shape(text: str, person: Person, spec: FileSpec | None) -> tuple[Iterator[str], Holds] | None:
    """The records of a text and how a person's are known; None where it does not look like any that we know."""
    first = text.removeprefix("\ufeff").split("\n", 1)[0]
    if spec is not None and spec.format == "lightgcn":
        return iter(text.splitlines(keepends=True)), lambda line: line.split(" ", 1)[0].strip() in person.names
    if _is_object(first):
        return iter(text.splitlines(keepends=True)), lambda line: _object_holds(line, person)
    columns = _columns(text, first, person, spec)
    if columns is None:
        return None
    delimiter, places = columns
    quote = spec.quote if spec else '"'

    def holds(record: str) -> bool:
        cells = _cells(record, delimiter, quote)
        return any(place < len(cells) and cells[place].strip() in person.names for place in places)

    return _records(text, quote), holds


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _object_holds(line: str, person: Person) -> bool:
    if not line.strip():
        return False
    try:
        held = json.loads(line)
    except ValueError:
        return False
    return isinstance(held, dict) and any(_plain(held.get(key)) in person.names for key in person.columns)


def _plain(value: Any) -> str:
    """An id as the readers take it: whole numbers that came as floats lose their ``.0``."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _columns(text: str, first: str, person: Person, spec: FileSpec | None) -> tuple[str, list[int]] | None:
    """The delimiter and the places of the columns of people, by the header or by what the parameters say."""
    delimiters = [spec.delimiter] if spec and spec.delimiter else list(DELIMITERS)
    for delimiter in delimiters:
        names = [name.strip().strip('"').rsplit(":", 1)[0] for name in first.split(delimiter)]
        places = [place for place, name in enumerate(names) if name in person.columns]
        if places:
            return delimiter, places
    if spec is None:
        return None
    places = [int(column) for key, column in spec.columns.items() if key in person.columns and column.isdigit()]
    lines = text.split("\n", LINES)[:LINES]
    found = [spec.delimiter] if spec.delimiter else list(possible([line for line in lines if line], spec.quote))
    return (found[0], places) if places and found else None


def _records(text: str, quote: str | None) -> Iterator[str]:
    """Lines, those joined that a quoted cell runs over."""
    held = ""
    for line in text.splitlines(keepends=True):
        held += line
        if quote is None or held.count(quote) % 2 == 0:
            yield held
            held = ""
    if held:
        yield held


def _cells(record: str, delimiter: str, quote: str | None) -> list[str]:
    line = record.rstrip("\r\n")
    if len(delimiter) > 1 or quote is None:
        return line.split(delimiter)
    return next(csv.reader([line], delimiter=delimiter, quotechar=quote), [])
