"""Parquet: a file, or a folder of parts, with a column map; types are taken as they are."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from recsmith.config.ingest import FileSpec, Ingest
from recsmith.errors import UserError
from recsmith.sources import places
from recsmith.sources.canonical import Raw, canonical
from recsmith.sources.contract import Tables, merged


def read(params: Ingest, root: Path) -> Tables:
    """Every file of ``params.files`` (or ``params.path`` itself, which may be a folder of parts)."""
    return merged([canonical(load(path, shown, spec), spec) for path, shown, spec in _given(params, root)])


def _given(params: Ingest, root: Path) -> list[tuple[Path, str, FileSpec]]:
    if not params.files and places.base(params, root).is_dir():
        return [(root / params.path, params.path, FileSpec())]
    return list(places.given(params, root))


def load(path: Path, shown: str, spec: FileSpec) -> Raw:
    """The whole file (parts in the order of their names); UserError where it is no Parquet."""
    parts = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not parts:
        raise UserError(f"{shown} is a folder without *.parquet files. It holds: {places.listed(path)}.")
    try:
        tables = [pyarrow.parquet.ParquetFile(part).read() for part in parts]
        return Raw(pa.concat_tables(tables, promote_options="permissive"), shown)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
        raise UserError(f"{shown} cannot be read as Parquet: {error}.") from error
