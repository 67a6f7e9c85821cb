"""One night's intake: new events enter the log, refused batches are kept aside with the reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from recsmith.config.retrain import Retrain
from recsmith.config.validate import Validate
from recsmith.errors import UserError
from recsmith.files import file_hash
from recsmith.retrain import door, places, withdrawal
from recsmith.retrain import log as event_log
from recsmith.retrain.batch import Batch, Unsteady, hash_now, read_file, read_query
from recsmith.retrain.places import REJECTED, TAKEN
from recsmith.sources.arrow import pc
from recsmith.tables import columns as c

Say = Callable[[str], None]
Admitted = Callable[[pa.Table], pa.Table]
Refused = Callable[[str, str], None]
UNREADABLE = (pa.ArrowException, ArithmeticError, LookupError, TypeError, ValueError)
"""What readers raise at values that nobody thought of; one bad value must not cost the night."""
UNFINISHED = (".part", ".tmp", ".partial", ".crdownload")


@dataclass
class Intake:
    """What became of each batch."""

    log: event_log.Log
    taken: list[event_log.Taken] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    """Names of files whose content had been taken before."""
    rejected: dict[str, str] = field(default_factory=dict)
    """Name -> reason."""
    waiting: list[str] = field(default_factory=list)
    """Files that may still be written."""


class Door:
    """What all batches of a night pass."""

    def __init__(
        self,
        folder: Path,
        settings: Retrain,
        ranges: Validate,
        say: Say,
        now: float | None = None,
        admitted: Admitted = lambda table: table,
        refused: Refused = lambda name, reason: None,
    ) -> None:
        """``folder``: of the event log; ``admitted``: the rows of people who are not forgotten.

        ``refused`` hears of each refusal before anything is moved for it.
        """
        self.admitted, self.refused = admitted, refused
        self.folder, self.settings, self.ranges, self.say = folder, settings, ranges, say
        self.now = time.time() if now is None else now
        self.intake = Intake(event_log.open_log(folder))
        self._events: set[str] | None = None

    def files(self, paths: list[Path]) -> Iterator[tuple[Path, str, str | None]]:
        """Take each file; gives it with the sha256 of what was read, and None or the reason why that was refused.

        Not given is what waits, and what cannot be read: it stays where it is, and is told.
        """
        for path in paths:
            try:
                digest = file_hash(path)
            except OSError as error:
                self._refused(path.name, f"it cannot be read ({error.strerror}) and stays where it is.")
                continue
            try:
                yield path, digest, self._file(path, digest)
            except Unsteady:
                self.waits(path)

    def _file(self, path: Path, digest: str) -> str | None:
        """None where the log has what the file holds, else why not; Unsteady where it holds something else by now."""
        refused = withdrawal.told(self.intake.log, digest)
        if refused is not None:
            return self._refused(path.name, refused)
        if self.intake.log.knows(digest):
            self.say(f"{path.name}: its content was taken before")
            self.intake.known.append(path.name)
            return None
        return self._enters(lambda: read_file(path, digest, self.settings.inbox), path.name)

    def query(self, root: Path, rejected: Path) -> None:
        """Take what the query has above its mark; a refused batch is written to ``rejected``."""
        if self.settings.sql is None:
            return
        try:
            batch = read_query(self.settings.sql, root, self.intake.log.marks.get("sql"))
        except UNREADABLE as error:
            self._refused("sql", _told(error))
            return
        if batch is None or self.intake.log.knows(batch.digest):
            return
        refused = withdrawal.told(self.intake.log, batch.digest)
        if refused is not None:
            self._refused(batch.name, refused)
            return
        reason = self._enters(lambda: batch, batch.name)
        if reason is not None:
            places.keep_rows(rejected, batch.name, batch.digest, batch.table, reason)

    def _enters(self, read: Callable[[], Batch], name: str) -> str | None:
        """None where the batch is in the log now; else why it is not."""
        intake = self.intake
        try:
            batch = read()
            whole = door.passed(
                batch.table, self.settings.door, self.ranges, intake.log, self._known_events(), self.now
            )
        except UserError as error:
            return self._refused(name, str(error))
        except UNREADABLE as error:
            return self._refused(name, _told(error))
        whole = self.admitted(whole)
        left_out = batch.table.num_rows - whole.num_rows
        intake.log = event_log.append(
            self.folder, intake.log, batch.digest, name, whole, left_out=left_out, marks=batch.marks
        )
        taken = intake.log.batches[-1]
        intake.taken.append(taken)
        self._events = None
        self.say(f"{name}: {taken.rows:,} rows, {taken.new:,} new ({taken.late:,} late), {taken.doubled:,} doubled")
        return None

    def _refused(self, name: str, reason: str) -> str:
        self.say(f"{name}: REJECTED. {reason}")
        self.refused(name, reason)
        self.intake.rejected[name] = reason
        return reason

    def _known_events(self) -> set[str]:
        if self._events is None:
            table = event_log.events(self.folder, self.intake.log.parts, [c.EVENT])
            self._events = set(pc.unique(table[c.EVENT]).to_pylist())
        return self._events

    def waits(self, path: Path) -> None:
        """Leave a file for the next run."""
        self.say(f"{path.name}: still being written; it waits for the next run")
        self.intake.waiting.append(path.name)


def _told(error: Exception) -> str:
    return f"it holds what cannot be read: {str(error)[:200]} ({type(error).__name__})."


def take(
    folder: Path,
    root: Path,
    settings: Retrain,
    ranges: Validate,
    say: Say,
    now: float | None = None,
    admitted: Admitted = lambda table: table,
    refused: Refused = lambda name, reason: None,
) -> Intake:
    """Take the files of the inbox, in the order of their names, then the query; ``folder``: of the event log.

    A file is moved only after the log has it; where that did not come about, the next run knows its content. One that
    was replaced since it was read stays, for the next run.
    """
    inbox = root / settings.inbox.path
    entrance = Door(folder, settings, ranges, say, now, admitted, refused)
    withdrawal.settle(inbox, entrance.intake.log)
    for path, digest, reason in entrance.files(_ready(inbox, settings.inbox.settle_seconds, entrance)):
        if hash_now(path) != digest:
            entrance.waits(path)
        elif reason is None:
            places.move(path, places.aside(inbox / TAKEN, path.name, digest))
        else:
            places.reject(path, places.aside(inbox / REJECTED, path.name, digest), reason)
    entrance.query(root, inbox / REJECTED)
    return entrance.intake


def _ready(inbox: Path, settle: float, entrance: Door) -> list[Path]:
    """What nobody writes any more; folders too, which cannot be read: somebody has to be told."""
    ours = (TAKEN, REJECTED)
    found = [path for path in sorted(inbox.glob("*")) if path.name not in ours and not path.name.startswith(".")]
    ready = []
    for path in found:
        if path.name.endswith(UNFINISHED) or 0 <= entrance.now - path.stat().st_mtime < settle:
            entrance.waits(path)
        else:
            ready.append(path)
    return ready
