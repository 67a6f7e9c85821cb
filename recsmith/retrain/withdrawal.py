"""Batches that passed the door and turned out bad: out of the log, kept aside, and not taken again unasked.

The log changes first and at once; files follow it, and :func:`settle` moves what a killed writer did not.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from recsmith.errors import UserError
from recsmith.retrain import log as event_log
from recsmith.retrain import places
from recsmith.retrain.log import Log, Taken, Withdrawn, number
from recsmith.retrain.places import REJECTED, TAKEN

Batch = TypeVar("Batch", Taken, Withdrawn)


def withdraw(folder: Path, inbox: Path, given: str, reason: str) -> tuple[Log, Taken]:
    """Take a batch (its name, or the first digits of its digest) out of the log in ``folder``; the log and the batch.

    The marks of its source are again what they were before it: a query that is mended brings its rows again. Raises
    UserError where it is not known, or where the log would be empty without it.
    """
    log = event_log.open_log(folder)
    taken = _one(given, {batch.batch: batch for batch in log.batches}, "in the log")
    parts = tuple(part for part in log.parts if number(part) != taken.part)
    if not parts:
        raise UserError(f"{taken.name} ({taken.batch[:12]}) is all that the log holds; without it there is none.")
    if taken.marks:
        rows = event_log.events(folder, [part for part in log.parts if number(part) == taken.part])
        places.keep_rows(inbox / REJECTED, taken.name, taken.batch, rows, reason)
    left = tuple(batch for batch in log.batches if batch is not taken)
    gone = Withdrawn(batch=taken.batch, name=taken.name, reason=reason)
    changed = {"parts": parts, "batches": left, "withdrawn": (*log.withdrawn, gone), "marks": _marks(left)}
    log = event_log.save(folder, log.model_copy(update=changed))
    event_log.open_log(folder)
    settle(inbox, log)
    return log, taken


def said(log: Log, gone: Taken) -> str:
    """In one line what became of a batch; ``log``: without it."""
    return f"{gone.name} ({gone.batch[:12]}) is withdrawn: {gone.new:,} events less, {log.rows:,} are left."


def sharing(before: Log, gone: Taken) -> list[Taken]:
    """Batches after ``gone`` in the log of which it may have brought events first: these left with it."""
    after = [taken.batch for taken in before.batches].index(gone.batch) + 1
    return [taken for taken in before.batches[after:] if taken.doubled]


def _marks(batches: tuple[Taken, ...]) -> dict[str, int]:
    """Source -> the highest mark that these batches set."""
    highest: dict[str, int] = {}
    for batch in batches:
        for source, mark in batch.marks.items():
            highest[source] = max(mark, highest.get(source, mark))
    return highest


def settle(inbox: Path, log: Log) -> None:
    """Move files of withdrawn batches from ``taken`` to ``rejected``, with the reason."""
    for gone in log.withdrawn:
        path = places.aside(inbox / TAKEN, gone.name, gone.batch)
        if path.is_file():
            places.reject(path, places.aside(inbox / REJECTED, gone.name, gone.batch), gone.reason)


def offer(folder: Path, inbox: Path, given: str) -> Withdrawn:
    """Let a withdrawn batch be taken again: its file goes back to the inbox, its query's rows may come once more.

    Where the inbox has a file of its name by now, it gets another one. UserError where it is not known.
    """
    log = event_log.open_log(folder)
    gone = _one(given, {batch.batch: batch for batch in log.withdrawn}, "among the withdrawn ones")
    kept, target = places.aside(inbox / REJECTED, gone.name, gone.batch), inbox / gone.name
    if kept.is_file():
        places.move(kept, places.aside(inbox, gone.name, gone.batch) if target.exists() else target)
    for path in (kept, rows := places.rows_aside(inbox / REJECTED, gone.name, gone.batch)):
        places.reason_of(path).unlink(missing_ok=True)
    rows.unlink(missing_ok=True)
    left = tuple(batch for batch in log.withdrawn if batch is not gone)
    event_log.save(folder, log.model_copy(update={"withdrawn": left}))
    return gone


def told(log: Log, batch: str) -> str | None:
    """Why a batch with this content is not taken, and how it would be; None where it was not withdrawn."""
    reason = log.refusal(batch)
    if reason is None:
        return None
    return f"It was withdrawn before: {reason} `recsmith events offer {batch[:12]}` lets it be taken again."


def _one(given: str, batches: dict[str, Batch], where: str) -> Batch:
    found = [batch for digest, batch in batches.items() if digest.startswith(given) or batch.name == given]
    if len(found) == 1:
        return found[0]
    named = ", ".join(f"{batch.batch[:12]} ({batch.name})" for batch in found or list(batches.values())[-5:])
    what = f"{len(found)} batches" if found else "no batch"
    raise UserError(f"{given!r} is {what} {where}. {'They are' if found else 'The last ones'}: {named or 'none'}.")
