"""What a batch must be like to enter the log: cheap checks, made before anything is written."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from recsmith.config.retrain import Door
from recsmith.config.validate import Validate
from recsmith.errors import UserError
from recsmith.retrain.log import IDENTITY, Log
from recsmith.sources.arrow import pc
from recsmith.tables import columns as c

SHOWN = 5


def passed(table: pa.Table, door: Door, ranges: Validate, log: Log, known: set[str], now: float) -> pa.Table:
    """The rows of a batch that may enter: those with user, item and time.

    ``known`` events, ``now`` in UTC seconds. Raises UserError with every reason to refuse the batch.
    """
    whole = table.filter(_whole(table))
    reasons = [
        *_nulls(table, whole, door),
        *_empty_ids(whole),
        *_times(whole, door, ranges, now),
        *_weights(whole, ranges),
        *_events(whole, set(door.events) or known),
        *_size(table.num_rows, door, log),
    ]
    if reasons:
        raise UserError(" ".join(reasons))
    return whole


def _whole(table: pa.Table) -> pa.ChunkedArray:
    kept = pc.is_valid(table[IDENTITY[0]])
    for name in IDENTITY[1:]:
        kept = pc.and_(kept, pc.is_valid(table[name]))
    return kept


def _nulls(table: pa.Table, whole: pa.Table, door: Door) -> list[str]:
    missing = table.num_rows - whole.num_rows
    if not whole.num_rows:
        return [f"None of {table.num_rows:,} rows has user, item and time."]
    if missing <= door.max_null_share * table.num_rows:
        return []
    counts = {name: table[name].null_count for name in (c.USER, c.ITEM, c.TIMESTAMP)}
    named = ", ".join(f"{count:,} without {name}" for name, count in counts.items() if count)
    return [
        f"{missing:,} of {table.num_rows:,} rows are incomplete ({named}); retrain.door.max_null_share allows "
        f"{door.max_null_share:.0%}."
    ]


def _empty_ids(table: pa.Table) -> list[str]:
    empty = {name: pc.sum(pc.equal(pc.utf8_trim_whitespace(table[name]), "")).as_py() for name in (c.USER, c.ITEM)}
    return [f"{count:,} rows have an empty {name}." for name, count in empty.items() if count]


def _times(table: pa.Table, door: Door, ranges: Validate, now: float) -> list[str]:
    times = table[c.TIMESTAMP]
    if not len(times):
        return []
    low, high = ranges.timestamp_min, min(ranges.timestamp_max, int(now + door.hours_ahead * 3600))
    wrong = times.filter(pc.or_(pc.less(times, low), pc.greater(times, high)))
    if not len(wrong):
        return []
    return [
        f"{len(wrong):,} times are outside {_day(low)} to {_day(high)}, e.g. {wrong[0].as_py()} "
        "(validate.timestamp_min, validate.timestamp_max, retrain.door.hours_ahead; or the unit is another: "
        "retrain.inbox.spec.timestamp_unit, retrain.sql.timestamp_unit)."
    ]


def _day(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def _weights(table: pa.Table, ranges: Validate) -> list[str]:
    weights, reasons = table[c.WEIGHT].drop_null(), []
    for name, beyond in (("weight_min", pc.less), ("weight_max", pc.greater)):
        bound = getattr(ranges, name)
        wrong = weights if bound is None else weights.filter(beyond(weights, bound))
        if bound is not None and len(wrong):
            reasons.append(f"{len(wrong):,} weights are beyond validate.{name} = {bound:g}, e.g. {wrong[0].as_py()}.")
    return reasons


def _events(table: pa.Table, known: set[str]) -> list[str]:
    strange = sorted(set(pc.unique(table[c.EVENT]).to_pylist()) - known) if known else []
    if not strange:
        return []
    shown = ", ".join(map(repr, strange[:SHOWN]))
    return [f"Unknown events: {shown}. Known: {', '.join(sorted(known))} (retrain.door.events)."]


def _size(rows: int, door: Door, log: Log) -> list[str]:
    usual = log.usual_size
    if usual is None or usual / door.size_factor <= rows <= usual * door.size_factor:
        return []
    return [
        f"{rows:,} rows, where the last batches had {usual:,.0f} (median); retrain.door.size_factor allows a factor of "
        f"{door.size_factor:g}."
    ]
