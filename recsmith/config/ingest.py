"""Section ``ingest``: where the interactions come from."""

from __future__ import annotations

import codecs
import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from recsmith.config.base import Section

Role = Literal["interactions", "train", "valid", "test", "users", "items", "social", "knowledge"]
Format = Literal["delimited", "parquet", "jsonl", "recbole", "lightgcn"]
Unit = Literal["s", "ms", "us", "ns", "iso"]
RAW = "data/raw"
EVENTS = "data/events"
"""Where `recsmith events` keeps the log."""
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


def variable_name(value: str) -> str:
    """A name, not what it holds: whoever wrote the secret itself here is told so, and it is not shown."""
    if not VARIABLE.fullmatch(value):
        raise PydanticCustomError("hidden", "the name of an environment variable is due (A-Z, 0-9, _), never its value")
    return value


class FileSpec(Section):
    """One file of the source."""

    file: str = ""
    """Path inside ``ingest.path``; empty where ``ingest.path`` is the file itself."""
    role: Role = "interactions"
    """What the file holds; train, valid and test are interactions of a given split."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Canonical name -> the file's column (its number from 0 where the file has no header)."""
    format: Format | None = None
    """Only where this file's format is not ``ingest.format``."""
    delimiter: str | None = None
    """``,``, ``\\t``, ``::``, ...; null: found out where only one makes sense, else refused. Delimited text only."""
    header: bool | None = None
    """Whether the first line holds names; null: found out, or refused where it could be either. Delimited text only."""
    quote: str | None = '"'
    """Null: quotes are ordinary characters. Delimited text only."""
    encoding: str = "utf-8"
    """Delimited text only."""
    event: str | None = None
    """The event of every row, where the file is of one kind only."""
    timestamp_unit: Unit = "s"

    @field_validator("columns", mode="before")
    @classmethod
    def _numbers_are_columns_too(cls, value: Any) -> Any:
        return {k: str(v) if isinstance(v, int) else v for k, v in value.items()} if isinstance(value, dict) else value

    @field_validator("delimiter")
    @classmethod
    def _tab_may_be_written(cls, value: str | None) -> str | None:
        if value == "":
            raise ValueError("a delimiter has at least one character; null lets it be found out")
        return "\t" if value in ("\\t", "tab") else value

    @field_validator("quote")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        if value is not None and len(value) != 1:
            raise ValueError("one character is due, or null where quotes are ordinary characters")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            codecs.lookup(value)
        except LookupError as error:
            raise ValueError("this encoding is unknown; utf-8, latin-1, cp1252 and utf-16 are common") from error
        return value


class Sql(Section):
    """A query whose result has the canonical column names."""

    backend: Literal["sqlite", "postgres"] = "sqlite"
    query: str
    items_query: str | None = None
    users_query: str | None = None
    timestamp_unit: Unit = "s"
    """Of times that the database holds as numbers or text; typed ones are taken as they are."""
    dsn_variable: str = "RECSMITH_DSN"
    """Name of the environment variable that holds the PostgreSQL address; the address itself is a secret."""

    _name = field_validator("dsn_variable")(variable_name)


class Demo(Section):
    """The built-in marketplace with known ground truth."""

    users: int = Field(default=600, ge=2)
    items: int = Field(default=800, ge=2)
    interactions_per_user: float = Field(default=40.0, gt=1)
    dimension: int = Field(default=8, ge=1)
    seed: int = 1


class Drop(Section):
    """Columns of the side tables that are not stored."""

    users: tuple[str, ...] = ()
    items: tuple[str, ...] = ()


class Privacy(Section):
    """What is done to people's data before anything is stored."""

    pseudonyms: bool = False
    """User ids become HMAC-SHA256 pseudonyms under a key."""
    key_variable: str = "RECSMITH_PSEUDONYM_KEY"
    """Name of the environment variable that holds the key; the key itself is a secret."""
    key_fingerprint: str | None = Field(default=None, pattern="^[0-9a-f]{8}$")
    """Only the key with this fingerprint is taken; null: any."""
    drop: Drop = Drop()
    retain_days: int | None = Field(default=None, ge=1)
    """Events older than so many days before the newest one are dropped; null: none are."""

    _name = field_validator("key_variable")(variable_name)


class Ingest(Section):
    """The section: the default source, the demo, files of your own, an SQL query, or the event log of retraining."""

    source: Literal["ml-latest-small", "demo", "files", "sql", "events"] = "ml-latest-small"
    path: str = RAW
    """A file or folder; the DVC dependency of the stage. ``data/raw`` is what ``recsmith fetch`` fills."""
    format: Format = "delimited"
    files: tuple[FileSpec, ...] = ()
    """Empty: found by their names (RecBole, LightGCN), or ``path`` itself as interactions."""
    sql: Sql | None = None
    demo: Demo = Demo()
    privacy: Privacy = Privacy()

    @model_validator(mode="after")
    def _the_source_has_what_it_needs(self) -> Ingest:
        if self.source in ("ml-latest-small", "demo") and (self.path != RAW or self.files or self.sql):
            raise ValueError(
                f"source {self.source} takes no path, files or sql; for your own data set source: files (or sql)"
            )
        if self.source == "files" and (self.path == RAW or self.sql):
            raise ValueError("source files needs path (a file or folder of yours) and takes no sql")
        if self.source == "events" and (self.path == RAW or self.files or self.sql):
            raise ValueError(f"source events needs path (the event log, {EVENTS}) and takes no files or sql")
        if self.source == "sql":
            self._check_sql()
        return self

    def _check_sql(self) -> None:
        if self.sql is None or self.files:
            raise ValueError("source sql needs sql.query and takes no files")
        if (self.sql.backend == "sqlite") == (self.path == RAW):
            raise ValueError("sqlite needs path: the database file; postgres is fetched to data/raw and takes no path")
