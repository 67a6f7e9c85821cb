"""The canonical tables as Parquet, and what is to be known about them; equal tables give equal bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from recsmith.config.base import Run
from recsmith.config.ingest import RAW, Ingest
from recsmith.files import digest, file_hash, read_json, replacing, write_json
from recsmith.sources import movielens
from recsmith.sources.arrow import pc
from recsmith.sources.contract import Tables
from recsmith.tables import columns as c
from recsmith.tables.connect import engine, given, write_interactions


def ordered(table: pa.Table) -> pa.Table:
    """Rows in an order that depends on nothing but their values."""
    by_rank = pa.table({key: _rank(table.column(key)) for key in table.column_names})
    order = pc.sort_indices(by_rank, sort_keys=[(key, "ascending") for key in table.column_names])
    return table.take(order)


def _rank(column: pa.ChunkedArray) -> pa.Array:
    """Text as the position of each value among all: comparing numbers is many times faster."""
    if not pa.types.is_string(column.type):
        return column.combine_chunks()
    encoded = column.combine_chunks().dictionary_encode()
    positions = pc.rank(encoded.dictionary, sort_keys="ascending", tiebreaker="first")
    return positions.take(encoded.indices)


def write(tables: Tables, folder: Path, run: Run | None = None) -> None:
    """All five tables as ``folder/NAME.parquet``, each whole or absent; ``run`` says what memory and threads it takes.

    Interactions, of which there may be many, are sorted by the engine of tables, which goes on on disk.
    """
    run = run or Run()
    with engine(run.threads, run.memory_mb) as backend:
        log = given(backend, tables.interactions)
        write_interactions(log, folder / "interactions.parquet", nulls_first=False, stored=True)
    for name in c.TABLES[1:]:
        with replacing(folder / f"{name}.parquet") as path:
            pyarrow.parquet.write_table(ordered(getattr(tables, name)), path, compression="zstd")


def describe(params: Ingest, root: Path, tables: Tables) -> dict[str, Any]:
    """``source.json``: which reader, what it read, how much, and whether the demo stands in."""
    fetched = _fetched(params, root)
    reader = params.format if params.source == "files" else params.source
    described: dict[str, Any] = {
        "reader": "demo" if fetched.get("stand_in") else reader,
        "name": fetched.get("name") or _name(params),
        "stand_in": bool(fetched.get("stand_in")),
        "reason": fetched.get("reason"),
        "files": _files(params, root, tables),
        "counts": counts(tables),
        "notes": list(tables.notes),
        "licence": movielens.NOTE if fetched.get("name") == movielens.NAME else None,
    }
    if described["reader"] == "demo":
        described["demo"] = params.demo.model_dump(mode="json")
    return described


def _fetched(params: Ingest, root: Path) -> dict[str, Any]:
    return read_json(root / RAW / "source.json") if params.source == "ml-latest-small" else {}


def _name(params: Ingest) -> str:
    """What to call the data: the last part of the path, never the way to it."""
    return params.source if params.source in ("demo", "sql", "events") else Path(params.path).name


def _files(params: Ingest, root: Path, tables: Tables) -> dict[str, dict[str, Any]]:
    """File (by its name within the source) -> rows and, where it is one file, sha256."""
    found = {}
    for shown, rows in tables.rows.items():
        path = root / shown
        inside = Path(shown).is_relative_to(params.path) and shown != params.path
        name = str(Path(shown).relative_to(params.path)) if inside else Path(shown).name
        found[name] = {"rows": rows, "sha256": file_hash(path) if path.is_file() else None}
    if params.source == "sql" and params.sql:
        found["queries"] = {"rows": None, "sha256": None, "digest": digest(params.sql.model_dump(mode="json"))}
    return found


def counts(tables: Tables) -> dict[str, Any]:
    """How much of everything there is; users and items count those of the side tables too."""
    log = tables.interactions
    users, items = pc.unique(log[c.USER].drop_null()), pc.unique(log[c.ITEM].drop_null())
    everyone = pc.unique(pa.chunked_array([*log[c.USER].chunks, *tables.users[c.USER].chunks], pa.string()).drop_null())
    everything = pc.unique(
        pa.chunked_array([*log[c.ITEM].chunks, *tables.items[c.ITEM].chunks], pa.string()).drop_null()
    )
    events = {row["values"]: row["counts"] for row in pc.value_counts(log[c.EVENT]).to_pylist()}
    splits = {row["values"]: row["counts"] for row in pc.value_counts(log[c.SPLIT]).to_pylist()}
    return {
        "interactions": log.num_rows,
        "users": len(everyone),
        "users_with_interactions": len(users),
        "items": len(everything),
        "items_with_interactions": len(items),
        "events": events,
        "splits": {name: count for name, count in splits.items() if name},
        "social": tables.social.num_rows,
        "knowledge": tables.knowledge.num_rows,
    }


def write_description(described: dict[str, Any], folder: Path) -> None:
    """``source.json`` beside the tables."""
    write_json(folder / "source.json", described)
