"""Which batch is to blame where validate does not pass the log: one at a time leaves it, the newest first.

Where the data are no better without it, it may come again, and the one before it goes. ``suspect.json`` names the one
that is out until validate has spoken: where a night is killed before that, the next one lets it come again.
"""

from __future__ import annotations

from pathlib import Path

from recsmith.files import read_json, write_json
from recsmith.retrain.log import Log, Taken, Withdrawn, read_log
from recsmith.retrain.withdrawal import offer, withdraw

SUSPECT, PROVEN = "suspect.json", "proven.json"


def suspect(folder: Path, inbox: Path, work: Path, batch: str, reason: str) -> tuple[Log, Taken]:
    """Take a batch (its digest) out of the log in ``folder`` until validate has spoken; the log and the batch."""
    write_json(work / SUSPECT, {"batch": batch})
    return withdraw(folder, inbox, batch, reason)


def acquit(folder: Path, inbox: Path, work: Path) -> Withdrawn | None:
    """Let the batch that is out until validate has spoken come again; None where there is none."""
    path = work / SUSPECT
    if not path.exists():
        return None
    batch = read_json(path)["batch"]
    gone = None if read_log(folder).refusal(batch) is None else offer(folder, inbox, batch)
    path.unlink()
    return gone


def begin(folder: Path, inbox: Path, work: Path) -> None:
    """Before a night takes anything: undo what a killed one began; what nobody knows of counts as proven."""
    acquit(folder, inbox, work)
    if not (work / PROVEN).exists():
        passed(work, read_log(folder))


def passed(work: Path, log: Log) -> None:
    """Validate passes the log: no batch of it is to blame from now on, and one that is out stays out."""
    write_json(work / PROVEN, {"batches": [taken.batch for taken in log.batches]})
    (work / SUSPECT).unlink(missing_ok=True)


def unproven(work: Path, log: Log) -> list[str]:
    """Digests of the batches that validate has not passed yet, the newest last, but never the first of the log."""
    proven = set(read_json(work / PROVEN)["batches"])
    return [taken.batch for taken in log.batches[1:] if taken.batch not in proven]
