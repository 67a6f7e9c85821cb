"""Section ``retrain``: what is taken into the event log at night, and when the champion changes."""

from __future__ import annotations

from pydantic import Field, field_validator

from recsmith.config.base import Section
from recsmith.config.ingest import FileSpec, Format, Sql

CHAMPION, INCUMBENT = "data/champion", "data/incumbent"
WORK = ".work/retrain"
"""What a night leaves for its next steps and for the next night."""


class Inbox(Section):
    """The watched folder; taken files are moved to its ``taken/``, refused ones to its ``rejected/``."""

    path: str = "data/inbox"
    settle_seconds: float = Field(default=5.0, ge=0)
    """A file that was changed less than so long ago may still be written, and waits for the next run."""
    format: Format | None = None
    """Null: each file is looked at."""
    spec: FileSpec = FileSpec()
    """How the files are read, as in ``ingest.files``."""

    @field_validator("spec")
    @classmethod
    def _interactions_alone(cls, spec: FileSpec) -> FileSpec:
        if spec.file or spec.role != "interactions":
            raise ValueError("all files of the inbox are interactions; file and role are not to be set")
        return spec


class Query(Sql):
    """A query that is asked again for the rows above the highest mark so far."""

    path: str | None = None
    """The database file (sqlite)."""
    mark: str = "timestamp"
    """Column that grows with time: the event's time, or a number given in order of arrival. Whole numbers."""
    overlap_seconds: int = Field(default=86_400, ge=0)
    """Rows so far below the mark are read again, for those that came late; only where ``mark`` is the timestamp."""

    @field_validator("timestamp_unit")
    @classmethod
    def _comparable(cls, unit: str) -> str:
        if unit == "iso":
            raise ValueError("a high-water mark needs numbers: let the query give times in s, ms, us or ns")
        return unit


class Door(Section):
    """What refuses a batch before it is in the log."""

    max_null_share: float = Field(default=0.0, ge=0, le=1)
    """Rows without user, item or time: up to this share they are left out, beyond it the batch is refused."""
    hours_ahead: float = Field(default=24.0, ge=0)
    """Events may lie so far in the future of this machine's clock."""
    events: tuple[str, ...] = ()
    """Events that may come; empty: those that the log has."""
    size_factor: float = Field(default=20.0, gt=1)
    """A batch may be so many times larger or smaller than the median of the last eight."""


class Drift(Section):
    """The largest change that is no news. Distances are Jensen-Shannon (0..1), beyond what chance gives."""

    reference_days: float = Field(default=30.0, gt=0)
    """Compared with so many days before the new events."""
    volume: float = Field(default=3.0, gt=1)
    """Factor between the size of the new events and the median of the last eight batches."""
    population: float = Field(default=0.3, ge=0, le=1)
    """Share of the active users who are new."""
    unseen: float = Field(default=0.1, ge=0, le=1)
    """Share of the events with items that are new."""
    popularity: float = Field(default=0.1, ge=0, le=1)
    events: float = Field(default=0.02, ge=0, le=1)
    hours: float = Field(default=0.05, ge=0, le=1)
    """Of the hour of the day, UTC."""


class Promote(Section):
    """When the challenger takes over."""

    tolerance: float = Field(default=0.0, ge=0)
    """It does where the lower end of the interval of (challenger - champion) is above minus this."""
    keep: int = Field(default=5, ge=2)
    """Versions whose files are kept for a rollback."""


class Reopen(Section):
    """When training is not enough and the search is opened again, from the last winner."""

    retained: float = Field(default=0.95, gt=0)
    """Share of its lead over the best baseline that the winner had when it was searched for,"""
    nights: int = Field(default=3, ge=1)
    """not reached in so many contests one after the other."""


class Decay(Section):
    """The report on how quality decays."""

    windows: int = Field(default=5, ge=1)
    """Equal numbers of events, tested one after the other."""
    first: float = Field(default=0.5, gt=0, lt=1)
    """Share of the log before the first of them."""


class Retrain(Section):
    """The section; the flow ``nightly`` reads it through ``recsmith events`` and ``recsmith champion``."""

    inbox: Inbox = Inbox()
    sql: Query | None = None
    door: Door = Door()
    drift: Drift = Drift()
    promote: Promote = Promote()
    reopen: Reopen = Reopen()
    decay: Decay = Decay()
