"""What is true of the ingested tables as a whole, aggregated before it is judged."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import ibis
from ibis import _

from recsmith.config.validate import Validate
from recsmith.tables.columns import EVENT, ITEM, TIMESTAMP, USER, WEIGHT
from recsmith.tables.connect import count, kept

UNITS = ((1e17, "ns", "nanoseconds"), (1e14, "us", "microseconds"), (1e11, "ms", "milliseconds"))
"""Medians above these are no UTC seconds: 1e11 s is in the year 5138."""

NOT_FINITE: Any = _[WEIGHT].isnan() | _[WEIGHT].isinf()
COLUMNS: dict[str, Any] = {
    "interactions": _.count(),
    "users": _[USER].nunique(),
    "items": _[ITEM].nunique(),
    "events": _[EVENT].nunique(),
    "timestamps": _[TIMESTAMP].count(),
    "timestamp_first": _[TIMESTAMP].min(),
    "timestamp_last": _[TIMESTAMP].max(),
    "timestamp_median": _[TIMESTAMP].median(),
    "weights": _[WEIGHT].count(),
    "weights_not_finite": NOT_FINITE.sum().fill_null(0),
    "weight_smallest": _[WEIGHT].min(where=~NOT_FINITE),
    "weight_largest": _[WEIGHT].max(where=~NOT_FINITE),
}
"""What is aggregated over all interactions."""


@dataclass(frozen=True)
class Tables:
    """The ingested tables that are judged."""

    interactions: ibis.Table
    users: ibis.Table
    items: ibis.Table


def facts(tables: Tables, params: Validate) -> dict[str, Any]:
    """Counts and shares by name; shares are between 0 and 1, 0 where there is nothing to take a share of."""
    rows = tables.interactions
    odd = _odd(params).sum().fill_null(0)
    found = rows.agg(**COLUMNS, weights_odd=odd).to_pyarrow().to_pylist()[0]
    found["users_under_k"] = count(users_under(rows, params.k))
    found["share_under_k"] = _share(found["users_under_k"], found["users"])
    return found | _side(rows, tables.users, USER, "users") | _side(rows, tables.items, ITEM, "items")


def _side(rows: ibis.Table, table: ibis.Table, key: str, name: str) -> dict[str, Any]:
    """How well a side table and the interactions fit each other."""
    described = count(table)
    lonely = count(orphans(rows, table, key))
    missing = count(undescribed(rows, table, key)) if described else 0
    return {
        f"{name}_described": described,
        f"{name}_described_without_interactions": lonely,
        f"share_of_{name}_described_without_interactions": _share(lonely, described),
        f"{name}_without_description": missing,
        f"share_of_{name}_without_description": _share(missing, count(rows.select(key).distinct())),
    }


def weight_bounds(params: Validate) -> tuple[float, float]:
    """Smallest and largest weight that is allowed; any finite number where the parameters name none."""
    low = -sys.float_info.max if params.weight_min is None else params.weight_min
    return low, sys.float_info.max if params.weight_max is None else params.weight_max


def odd_weights(rows: ibis.Table, params: Validate) -> ibis.Table:
    """Interactions whose weight is out of bounds, infinite or not a number.

    Computed before it is filtered: DuckDB skips Parquet rows by their smallest and largest value, which know no NaN.
    """
    flagged = kept(rows.mutate(_odd=_odd(params)))
    return flagged.filter(_["_odd"]).drop("_odd")


def _odd(params: Validate) -> Any:
    low, high = weight_bounds(params)
    return NOT_FINITE | (_[WEIGHT] < low) | (_[WEIGHT] > high)


def users_under(rows: ibis.Table, k: int) -> ibis.Table:
    """Users with fewer than ``k`` interactions: user_id, interactions."""
    return rows.filter(_[USER].notnull()).group_by(USER).agg(interactions=_.count()).filter(_.interactions < k)


def orphans(rows: ibis.Table, table: ibis.Table, key: str) -> ibis.Table:
    """Rows of a side table that describe a user or item without interactions."""
    return table.anti_join(rows, key)


def undescribed(rows: ibis.Table, table: ibis.Table, key: str) -> ibis.Table:
    """Ids of interactions that the side table does not describe."""
    return rows.filter(_[key].notnull()).select(key).distinct().anti_join(table, key)


def unit_of(median: float | None) -> tuple[str, str] | None:
    """The unit that timestamps seem to be in, as (``ingest`` name, word), where it is not seconds."""
    if median is None:
        return None
    return next(((unit, word) for least, unit, word in UNITS if median > least), None)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
