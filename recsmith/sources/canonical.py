"""A file's own columns to the canonical table of its role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from recsmith.config.ingest import FileSpec
from recsmith.errors import UserError
from recsmith.sources import values
from recsmith.sources.arrow import pc
from recsmith.sources.contract import SCHEMAS, Tables
from recsmith.sources.values import Place
from recsmith.tables import columns as c

REQUIRED = {
    "interactions": (c.USER, c.ITEM),
    "users": (c.USER,),
    "items": (c.ITEM,),
    "social": (c.SOURCE_USER, c.TARGET_USER),
    "knowledge": (c.HEAD, c.RELATION, c.TAIL),
}
CHUNK = 2**16
"""Rows of the array that a column of one value repeats."""
NULL_WORDS = ("NULL", "null", "Null", "NaN", "nan", "None", "none", "NA", "N/A", "undefined")


@dataclass(frozen=True)
class Raw:
    """A file as a reader found it: its own column names, any types."""

    table: pa.Table
    file: str
    first: int = 1
    word: str = "row"

    @property
    def name(self) -> str:
        """The file without the way to it, for what is written into results."""
        return Path(self.file).name

    def place(self, column: str) -> Place:
        return Place(self.file, column, self.first, self.word)


def table_of(role: str) -> str:
    """Name of the canonical table that a file of this role fills."""
    return "interactions" if role in c.SPLITS else role


def canonical(raw: Raw, spec: FileSpec) -> Tables:
    """The canonical tables of one file; UserError where columns are missing or values cannot be understood."""
    _known_names(spec, raw)
    chosen = _chosen(raw, spec)
    if not raw.table.num_rows:
        raise UserError(f"{raw.file} holds a header and no rows." if raw.first > 1 else f"{raw.file} holds no rows.")
    name = table_of(spec.role)
    arrays = {column: _converted(column, raw, source, spec) for column, source in chosen.items()}
    notes = _notes(raw, spec, chosen, arrays)
    if name == "interactions":
        arrays |= _constants(spec, raw, arrays)
    elif name in ("users", "items"):
        arrays |= _side_columns(raw, chosen, arrays)
    return Tables(**{name: _table(name, arrays, raw.table.num_rows)}, rows={raw.file: raw.table.num_rows}, notes=notes)


def _known_names(spec: FileSpec, raw: Raw) -> None:
    name = table_of(spec.role)
    known = _columns(name)
    wrong = [key for key in spec.columns if key not in known]
    if wrong and name in ("interactions", "social", "knowledge"):
        raise UserError(
            f"params.yaml: ingest.files ({raw.file}): columns has {wrong[0]!r}, but a file of role {spec.role} "
            f"has {', '.join(known)}. Write them as canonical name: your column."
        )


def _columns(table: str) -> list[str]:
    """Canonical columns that a file may have; a place in a list is not one: logs call other things ``position``."""
    return [name for name in SCHEMAS[table].names if name != c.POSITION]


def _chosen(raw: Raw, spec: FileSpec) -> dict[str, str]:
    """Canonical name -> column of the file, for all that the file has."""
    present = raw.table.column_names
    _all_different(raw)
    for name, source in spec.columns.items():
        if source not in present:
            raise _missing(raw, spec, name, source)
    chosen = dict(spec.columns)
    for name in _columns(table_of(spec.role)):
        if name not in chosen and name in present:
            chosen[name] = name
    for name in REQUIRED[table_of(spec.role)]:
        if name not in chosen:
            raise _missing(raw, spec, name, name)
    if spec.event and c.EVENT in spec.columns:
        raise UserError(f"params.yaml: ingest.files ({raw.file}): give either event or columns.event, not both.")
    return chosen


def _all_different(raw: Raw) -> None:
    names = raw.table.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{raw.file} has more than one column named {twice[0]!r}; which is meant? Rename one of them.")


def _missing(raw: Raw, spec: FileSpec, name: str, source: str) -> UserError:
    present = ", ".join(repr(column) for column in raw.table.column_names[:40])
    return UserError(
        f"{raw.file}: the column {source!r} (for {name}) is missing. The file has: {present}. "
        f"Change params.yaml: ingest.files, columns.{name} of this file, or let `recsmith init` look at it."
    )


def _converted(name: str, raw: Raw, source: str, spec: FileSpec) -> pa.ChunkedArray:
    column, place = raw.table.column(source), raw.place(source)
    if name == c.TIMESTAMP:
        return values.seconds(column, spec.timestamp_unit, place)
    if name == c.WEIGHT:
        return values.numbers(column, place)
    if name in (c.USER, c.ITEM, c.TARGET_USER, c.HEAD, c.TAIL):
        return values.ids(column, place)
    return values.text(column)


def _constants(spec: FileSpec, raw: Raw, arrays: dict[str, pa.ChunkedArray]) -> dict[str, pa.ChunkedArray]:
    """``event`` and ``split``, from the file's role or its own columns."""
    rows, found = raw.table.num_rows, {}
    event = spec.event or c.DEFAULT_EVENT
    found[c.EVENT] = (
        pc.fill_null(arrays[c.EVENT], event) if c.EVENT in arrays and not spec.event else _same(event, rows)
    )
    if spec.role in c.SPLITS:
        found[c.SPLIT] = _same(spec.role, rows)
    elif c.SPLIT in arrays:
        _check_splits(arrays[c.SPLIT], raw)
    return found


def _check_splits(column: pa.ChunkedArray, raw: Raw) -> None:
    strange = [value for value in pc.unique(column).to_pylist() if value not in (None, *c.SPLITS)]
    if strange:
        raise UserError(f"{raw.file}: column split holds {strange[0]!r}. Allowed: {', '.join(c.SPLITS)} or nothing.")


def _same(value: str | None, rows: int, kind: pa.DataType | None = None) -> pa.ChunkedArray:
    """One value ``rows`` times; all chunks are the same one."""
    kind = kind or pa.string()
    chunk = pa.repeat(pa.scalar(value, kind), min(rows, CHUNK))
    return pa.chunked_array([chunk] * (rows // CHUNK) + [chunk.slice(0, rows % CHUNK)] * (rows % CHUNK > 0), kind)


def _side_columns(raw: Raw, chosen: dict[str, str], taken: dict[str, pa.ChunkedArray]) -> dict[str, pa.ChunkedArray]:
    """Every further column as text, under the file's own name."""
    rest = [name for name in raw.table.column_names if name not in chosen.values() and name not in taken]
    return {name: values.text(raw.table.column(name)) for name in rest}


def _table(name: str, arrays: dict[str, pa.ChunkedArray], rows: int) -> pa.Table:
    schema = SCHEMAS[name]
    nothing = {field.name: _same(None, rows, field.type) for field in schema}
    columns = {**nothing, **arrays}
    full = pa.schema([schema.field(key) if key in schema.names else (key, pa.string()) for key in columns])
    return pa.table(columns).cast(full)


def _notes(raw: Raw, spec: FileSpec, chosen: dict[str, str], arrays: dict[str, pa.ChunkedArray]) -> tuple[str, ...]:
    notes = []
    unused = [name for name in raw.table.column_names if name not in chosen.values()]
    if unused and table_of(spec.role) not in ("users", "items"):
        notes.append(f"{raw.name}: columns that are not used: {', '.join(unused[:12])}.")
    return (*notes, *_words_for_nothing(raw, arrays))


def _words_for_nothing(raw: Raw, arrays: dict[str, pa.ChunkedArray]) -> Sequence[str]:
    """Ids such as ``NULL``: kept as they came, and named."""
    notes = []
    for name in (c.USER, c.ITEM):
        if name in arrays:
            hits = pc.sum(pc.is_in(arrays[name], pa.array(NULL_WORDS))).as_py()
            if hits:
                notes.append(f"{raw.name}: {hits} rows whose {name} is a word like NULL or NaN; it is kept as an id.")
    return notes
