"""The first batch of the event log: what the present source holds, side tables included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from recsmith.config.ingest import Ingest
from recsmith.errors import UserError
from recsmith.retrain import log as event_log
from recsmith.retrain.batch import content
from recsmith.retrain.log import COLUMNS, IDENTITY, ORDER, Log
from recsmith.sources.arrow import pc
from recsmith.sources.registry import read
from recsmith.tables import columns as c
from recsmith.tables.connect import write_arrow


def seed(
    params: Ingest,
    root: Path,
    folder: Path,
    say: Callable[[str], None],
    admitted: Callable[[pa.Table], pa.Table] = lambda table: table,
) -> Log:
    """Write the log into ``folder``; UserError where there is one already, or where the source has no times."""
    if event_log.read_log(folder).parts:
        raise UserError(
            f"{folder.name} holds events already; it is made only once. `recsmith events add FILE...` adds. Where "
            "params.yaml does not read it (an interruption), set ingest.source: events, ingest.path: data/events."
        )
    tables = read(params, root)
    rows = admitted(tables.interactions.select(list(COLUMNS)))
    whole = rows.filter(pc.is_valid(rows[c.TIMESTAMP]))
    if not whole.num_rows:
        raise UserError("the source has no times, and retraining is about what came later. Give a column timestamp.")
    for name in IDENTITY:
        whole = whole.filter(pc.is_valid(whole[name]))
    left_out = rows.num_rows - whole.num_rows
    if left_out:
        say(f"{left_out:,} rows without user, item or time are left out.")
    for name in c.TABLES[1:]:
        if getattr(tables, name).num_rows:
            write_arrow(admitted(getattr(tables, name)), folder / f"{name}.parquet")
    ordered = whole.sort_by([(name, "ascending") for name in ORDER])
    log = event_log.open_log(folder)
    return event_log.append(folder, log, content(ordered), "start", ordered, left_out=left_out)
