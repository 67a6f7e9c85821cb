"""Section ``ingest``: where the interactions come from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from recsmith.config.base import Section

Role = Literal["interactions", "train", "valid", "test", "users", "items", "social", "knowledge"]


class FileSpec(Section):
    """One file of the source."""

    file: str = ""
    """Path inside ``ingest.path``; empty where ``ingest.path`` is the file itself."""
    role: Role = "interactions"
    """What the file holds; train, valid and test are interactions of a given split."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Canonical name -> the file's column (its number from 0 where the file has no header)."""
    delimiter: str | None = None
    """One character or ``\\t``; only for delimited text."""
    header: bool = True
    event: str | None = None
    """The event of every row, where the file is of one kind only."""
    timestamp_unit: Literal["s", "ms", "us", "ns", "iso"] = "s"


class Sql(Section):
    """A query whose result has the canonical column names."""

    backend: Literal["sqlite", "postgres"] = "sqlite"
    query: str
    items_query: str | None = None
    users_query: str | None = None
    dsn_variable: str = "RECSMITH_DSN"
    """Name of the environment variable that holds the PostgreSQL address; the address itself is a secret."""


class Demo(Section):
    """The built-in marketplace with known ground truth."""

    users: int = Field(default=600, ge=2)
    items: int = Field(default=800, ge=2)
    interactions_per_user: float = Field(default=40.0, gt=1)
    dimension: int = Field(default=8, ge=1)
    seed: int = 1


class Ingest(Section):
    """The source and how its files are read."""

    source: Literal["ml-latest-small", "demo", "files", "sql"] = "ml-latest-small"
    path: str = "data/raw"
    """A file or folder; the DVC dependency of the stage. ``data/raw`` is what ``recsmith fetch`` fills."""
    format: Literal["delimited", "parquet", "jsonl", "recbole", "lightgcn"] = "delimited"
    files: tuple[FileSpec, ...] = ()
    """Empty: found by their names (RecBole, LightGCN), or ``path`` itself as interactions."""
    sql: Sql | None = None
    demo: Demo = Demo()
