"""The stages of the line as ``benchmarks.scale`` measures them; heavy imports come before the clock starts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.generated import generate
from recsmith.config.base import Run

Found = dict[str, Any]
RAW = "raw.parquet"


@contextmanager
def measuring() -> Iterator[Found]:
    """Yield what will hold ``seconds`` of the block, and the megabytes that were resident before it (``base_mb``)."""
    found: Found = {"base_mb": round(psutil.Process().memory_info().rss / 2**20, 1)}
    start = time.perf_counter()
    yield found
    found["seconds"] = round(time.perf_counter() - start, 4)


def generating(folder: Path, size: int, run: Run) -> Found:
    """The log that all else starts from."""
    with measuring() as found:
        generate(folder / RAW, size, run.seed)
    return {**found, "bytes": (folder / RAW).stat().st_size}


def ingest(folder: Path, size: int, run: Run) -> Found:
    """As the stage does it."""
    from recsmith.config.ingest import Ingest
    from recsmith.sources.registry import read
    from recsmith.sources.write import describe, write, write_description

    params = Ingest(source="files", path=RAW, format="parquet")
    with measuring() as found:
        tables = read(params, folder)
        described = describe(params, folder, tables)
        write(tables, folder / "ingest", run)
        write_description(described, folder / "ingest")
    return {**found, "users": described["counts"]["users"]}


def validate(folder: Path, size: int, run: Run) -> Found:
    """As the stage does it, without its page."""
    from recsmith.config.validate import Validate
    from recsmith.tables.connect import engine
    from recsmith.validation.gate import inspect

    with measuring() as found, engine(run.threads, run.memory_mb) as backend:
        report = inspect(backend, folder / "ingest", Validate())
    return {**found, "failed": [finding.name for finding in report.findings if not finding.success]}


def split(folder: Path, size: int, run: Run) -> Found:
    """As the stage does it."""
    from recsmith.config.split import Split
    from recsmith.tables.connect import engine
    from recsmith.tables.seal import split_files

    with measuring() as found, engine(run.threads, run.memory_mb) as backend:
        audit = split_files(backend, folder / "ingest", folder / "split", Split(), run.seed)
    return {**found, "rows": {name: part["rows"] for name, part in audit["splits"].items()}}


def graph(folder: Path, size: int, run: Run) -> Found:
    """As the stage does it."""
    from recsmith.config.graph import Graph
    from recsmith.graph.build import build_files

    with measuring() as found:
        stats = build_files(folder / "split", folder / "ingest", folder / "graph", Graph())
    return {**found, "users": stats["users"], "items": stats["items"], "edges": stats["refit"]["edges"]}
