"""The event log of continuous retraining, with the side tables that lie beside it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recsmith.config.ingest import Ingest
from recsmith.errors import UserError
from recsmith.retrain import log as event_log
from recsmith.sources.arrow import pc
from recsmith.sources.contract import SCHEMAS, Tables
from recsmith.tables import columns as c


def read(params: Ingest, root: Path) -> Tables:
    """All events before the data date (``until`` of the log), and the side tables that are kept beside them."""
    folder = root / params.path
    if not (folder / event_log.NAME).exists():
        raise UserError(
            f"{params.path} holds no event log ({event_log.NAME}). Make one with `recsmith events init`, or bring the "
            f"one that was versioned: `dvc pull {params.path}.dvc`."
        )
    log = event_log.read_log(folder)
    table = event_log.events(folder, log.parts)
    if log.until is not None:
        table = table.filter(pc.less(table[c.TIMESTAMP], log.until))
    schema = SCHEMAS["interactions"]
    for name in set(schema.names) - set(table.column_names):
        table = table.append_column(name, pa.nulls(table.num_rows, schema.field(name).type))
    interactions = table.select(schema.names).cast(schema)
    sides = {name: pq.read_table(folder / f"{name}.parquet") for name in c.TABLES[1:] if _is_there(folder, name)}
    return Tables(interactions=interactions, **sides, rows={f"{params.path}/{p.file}": p.rows for p in log.parts})


def _is_there(folder: Path, name: str) -> bool:
    return (folder / f"{name}.parquet").is_file()
