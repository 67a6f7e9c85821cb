"""What a split method needs of the data, and the errors where it is not there."""

from __future__ import annotations

import ibis

from recsmith.config.split import Split
from recsmith.errors import UserError
from recsmith.tables.columns import EVENT, SPLIT, SPLITS, TIMESTAMP
from recsmith.tables.connect import count

TEMPORAL = ("per_user_temporal", "global_temporal", "leave_one_out")


def check(rows: ibis.Table, params: Split) -> None:
    """UserError where the method or the target event asks for what the rows do not have."""
    if params.target_event is not None:
        _check_target(rows, params.target_event)
    if params.method == "given":
        _check_given(rows)
    if params.method in TEMPORAL:
        _check_timestamps(rows, params.method)


def _check_timestamps(rows: ibis.Table, method: str) -> None:
    missing = count(rows.filter(rows[TIMESTAMP].isnull()))
    if missing:
        raise UserError(
            f"params.yaml: split.method = {method!r} needs a timestamp on every interaction, but {missing:,} of "
            f"{count(rows):,} rows have none. Set split.method: random (or given, where the source comes split)."
        )


def _check_given(rows: ibis.Table) -> None:
    found = {row["split"]: row["n"] for row in rows.group_by(SPLIT).agg(n=rows.count()).to_pyarrow().to_pylist()}
    if "train" in found and "test" in found and set(found) <= set(SPLITS):
        return
    names = ", ".join(f"{name or 'none'} ({found[name]:,} rows)" for name in sorted(found, key=str))
    raise UserError(
        "params.yaml: split.method = 'given' needs a source that comes split: every row train, valid or test, with "
        f"train and test there. Found: {names}. Name the files' roles in ingest.files, or set split.method: "
        "per_user_temporal or random."
    )


def _check_target(rows: ibis.Table, target: str) -> None:
    known = rows.select(EVENT).distinct().to_pyarrow()[EVENT].to_pylist()
    if target not in known:
        raise UserError(
            f"params.yaml: split.target_event = {target!r} is not an event of the data. "
            f"Known: {', '.join(sorted(known))}."
        )
