"""All readers by name. One contract: ``read(params, root) -> Tables``; a new source is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from recsmith.config.ingest import FileSpec, Ingest
from recsmith.errors import UserError
from recsmith.sources import delimited, demo, events, jsonl, lightgcn, movielens, parquet, places, recbole, sql
from recsmith.sources.contract import Tables, merged

Reader = Callable[[Ingest, Path], Tables]
FORMATS: dict[str, Reader] = {
    "delimited": delimited.read,
    "jsonl": jsonl.read,
    "lightgcn": lightgcn.read,
    "parquet": parquet.read,
    "recbole": recbole.read,
}
SOURCES: dict[str, Reader] = {
    "demo": demo.read,
    "events": events.read,
    "ml-latest-small": movielens.read,
    "sql": sql.read,
}


def read(params: Ingest, root: Path) -> Tables:
    """The five canonical tables of the source that ``params`` name; ``root`` is what relative paths start from.

    Raises UserError where the source is missing or cannot be understood, or holds no interaction.
    """
    tables = SOURCES[params.source](params, root) if params.source in SOURCES else _files(params, root)
    if not tables.interactions.num_rows:
        raise UserError(f"{params.path} holds no interactions.")
    return tables


def _files(params: Ingest, root: Path) -> Tables:
    """Each run of files of one format by its reader."""
    if not params.files:
        return FORMATS[params.format](params, root)
    places.check_roles(params.files)

    def format_of(spec: FileSpec) -> str:
        return spec.format or params.format

    parts = []
    for name, specs in groupby(params.files, key=format_of):
        parts.append(FORMATS[name](params.model_copy(update={"files": tuple(specs), "format": name}), root))
    return merged(parts)
