"""What a night found: the drift of the newest events, and whether the line has something to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recsmith.config.retrain import Drift, Retrain
from recsmith.files import read_json, write_json, write_text
from recsmith.retrain import log as event_log
from recsmith.retrain import untold
from recsmith.retrain.blame import unproven
from recsmith.retrain.champion import History
from recsmith.retrain.intake import Intake
from recsmith.retrain.log import Log, Part
from recsmith.sources.arrow import pc
from recsmith.tables import columns as c

STATE, PAGE, NIGHT = "drift.json", "drift.html", "night.json"


def tell(intake: Intake, history: History, folder: Path, work: Path, settings: Retrain) -> dict[str, Any]:
    """Write ``night.json`` (and the drift of events that no report has shown yet) into ``work``; gives its content.

    ``folder``: of the event log; ``history``: of the champion. What was rejected and what has drifted stands
    in it until somebody was told.
    """
    log = intake.log
    drift(folder, log, _shown(work, log, sum(taken.new > 0 for taken in intake.taken)), work, settings.drift)
    night = {
        "inbox": settings.inbox.path,
        "taken": [taken.model_dump() for taken in intake.taken],
        "known": intake.known,
        "waiting": intake.waiting,
        "events": log.digest,
        "rows": log.rows,
        "pending": _pending(log, history),
        "reopening": history.reopening,
        "unproven": unproven(work, log),
        **untold.read(work),
    }
    write_json(work / NIGHT, night)
    return night


def found(work: Path) -> dict[str, Any]:
    """What ``night.json`` says."""
    return read_json(work / NIGHT)


def _pending(log: Log, history: History) -> bool:
    """Whether the log holds what no contest was decided on, or the search is still to be opened again."""
    return bool(log.parts) and (log.digest != history.decided or history.reopening)


def withdrawn(batch: str, log: Log, history: History, work: Path) -> None:
    """Let the files of ``work`` say what is so without a batch: ``night.json``, and what drift has been shown."""
    night, state = work / NIGHT, work / STATE
    if night.exists():
        said = read_json(night)
        left = [name for name in said["unproven"] if name != batch]
        now = {"events": log.digest, "rows": log.rows, "unproven": left}
        write_json(night, {**said, **now, "pending": _pending(log, history)})
    if state.exists():
        shown = read_json(state)
        write_json(state, {**shown, "parts": min(shown["parts"], len(log.parts))})


def _shown(work: Path, log: Log, new: int) -> int:
    """How many parts earlier reports have covered; where no report is left, all but those of this night."""
    path = work / STATE
    shown = read_json(path)["parts"] if path.exists() else len(log.parts) - new
    return min(shown, len(log.parts))


def drift(folder: Path, log: Log, shown: int, work: Path, limits: Drift) -> None:
    """Compare the parts after ``shown`` with those before; report, and findings beyond their limits, go to ``work``."""
    earlier, newest = log.parts[:shown], log.parts[shown:]
    if not earlier or not newest:
        return
    from recsmith.retrain.drift import compare
    from recsmith.retrain.drift_page import render

    new = event_log.events(folder, newest)
    users, items = (_known(folder, earlier, name) for name in (c.USER, c.ITEM))
    usual = log.usual_size
    size = None if usual is None else usual * len(newest)
    report = compare(new, _reference(folder, earlier, new, limits), users, items, size, limits)
    untold.add(work, "drift", {finding.name: asdict(finding) for finding in report.drifted})
    write_text(work / PAGE, render(report))
    write_json(work / STATE, {"parts": len(log.parts), **report.as_json()})


def _known(folder: Path, parts: Sequence[Part], column: str) -> pa.Array:
    """Every value of a column, one part in memory at a time."""
    found = [pc.unique(event_log.events(folder, [part], [column])[column]) for part in parts]
    return pc.unique(pa.concat_arrays(found))


def _reference(folder: Path, parts: Sequence[Part], new: pa.Table, limits: Drift) -> pa.Table:
    """Events of the days before the new ones (their median time, so that a late one moves little); all where none."""
    middle = int(np.median(new[c.TIMESTAMP].to_numpy()))
    low = middle - int(limits.reference_days * 86_400)
    recent = event_log.events(folder, [part for part in parts if part.last >= low])
    window = recent.filter(pc.greater_equal(recent[c.TIMESTAMP], low))
    return window if window.num_rows else event_log.events(folder, parts)
