"""Records of baselines as lines and tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recsmith.files import write_text
from recsmith.model.record import Record, best

COLUMNS = ("number", "name", "candidate", "status", "chosen", "epochs", "error")


def line(finished: Sequence[Record], metric: str) -> str:
    """The last finished record in one line, with the best so far."""
    leader = best(finished, metric)
    so_far = f"best so far {leader.metrics[metric]:.4f} {leader.describe()}" if leader else "none so far"
    return f"{len(finished):>3}  {described(finished[-1], metric)}  ({so_far})"


def described(record: Record, metric: str) -> str:
    """Name, candidate and what came out of it."""
    result = f"{metric} {record.metrics[metric]:.4f}" if record.status == "done" else f"{record.status}: {record.error}"
    return f"{record.name:<10}  {record.describe():<56}  {result}"


def summary(records: Sequence[Record], metric: str) -> str:
    """The best of each baseline, or why there is none."""
    shown = {record.name: record for record in reversed(records) if record.status != "done"}
    shown |= {record.name: record for record in records if record.chosen}
    names = dict.fromkeys(record.name for record in records)
    return "\n".join(["The best of each on valid:", *(f"  {described(shown[name], metric)}" for name in names)])


def rows(records: Sequence[Record]) -> list[list[Any]]:
    """One row a record, in the order of :data:`COLUMNS`."""
    return [
        [number, record.name, record.describe(), record.status, record.chosen, record.epochs, record.error]
        for number, record in enumerate(records, 1)
    ]


def write_trials(path: Path | str, records: Sequence[Record]) -> None:
    """Write all records with their metrics as CSV; cells of what did not finish are empty."""
    names = sorted({name for record in records for name in record.metrics})
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*COLUMNS, *names])
    for row, record in zip(rows(records), records, strict=True):
        table.writerow([*row, *(record.metrics.get(name, "") for name in names)])
    write_text(path, text.getvalue())
