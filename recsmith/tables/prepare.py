"""From what came to what counts: null ids, duplicates, weak interactions, k-core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
from ibis import _

from recsmith.config.split import KCore, Split
from recsmith.errors import UserError
from recsmith.tables.columns import DEFAULT_EVENT, EVENT, ITEM, POSITION, SPLIT, TIMESTAMP, USER, WEIGHT
from recsmith.tables.connect import count, kept, release

PAIR = (USER, ITEM)


@dataclass(frozen=True)
class Prepared:
    """Interactions that may be split, and what each step removed (rows; in the order of the steps)."""

    rows: ibis.Table
    removed: dict[str, int]


def prepare(rows: ibis.Table, params: Split, *, keep_split: bool) -> Prepared:
    """Drop null ids, then duplicates, then weights below ``min_weight``.

    ``keep_split`` keeps the source's split (rows of two splits are then no duplicates of each other). Raises UserError
    where ``min_weight`` meets rows without a weight, and where nothing is left.
    """
    rows = rows.mutate(**{EVENT: _[EVENT].fill_null(DEFAULT_EVENT)})
    if not keep_split:
        rows = rows.mutate(**{SPLIT: ibis.null("string")})
    steps = {"read": rows, "null_ids": kept(rows.filter(rows[USER].notnull(), rows[ITEM].notnull()))}
    steps["duplicates"] = kept(dedupe(steps["null_ids"], params.dedupe))
    steps["below_min_weight"] = heavy_enough(steps["duplicates"], params.min_weight)
    sizes = {name: count(table) for name, table in steps.items()}
    release(steps["null_ids"])
    if not sizes["below_min_weight"]:
        raise UserError(_all_gone(sizes, params))
    return Prepared(steps["below_min_weight"], _differences(sizes))


def dedupe(rows: ibis.Table, keep: str) -> ibis.Table:
    """One row for each (user, item, event, source split).

    ``last`` and ``first`` keep the row with the greatest or smallest (timestamp, position, weight), where no timestamp
    counts as the oldest; ``sum`` and ``max`` keep the last timestamp and position and join the weights (a missing
    weight counts 1 in a sum).
    """
    keys = [USER, ITEM, EVENT, SPLIT]
    if keep in ("last", "first"):
        direction = ibis.desc if keep == "last" else ibis.asc
        order = [direction(rows[name], nulls_first=keep == "first") for name in (TIMESTAMP, POSITION, WEIGHT)]
        ranked = rows.mutate(_rank=ibis.row_number().over(group_by=keys, order_by=order))
        return ranked.filter(ranked["_rank"] == 0).drop("_rank")
    # Added in a fixed order: floating-point sums depend on it.
    rows = rows.mutate(**{WEIGHT: _[WEIGHT].fill_null(1.0)}) if keep == "sum" else rows
    joined = _[WEIGHT].collect(order_by=_[WEIGHT]).sums() if keep == "sum" else _[WEIGHT].max()
    return rows.group_by(keys).agg(**{TIMESTAMP: _[TIMESTAMP].max(), POSITION: _[POSITION].max(), WEIGHT: joined})


def heavy_enough(rows: ibis.Table, min_weight: float | None) -> ibis.Table:
    """Rows with a weight of at least ``min_weight``; UserError where rows have none to compare."""
    if min_weight is None:
        return rows
    unknown = count(rows.filter(_[WEIGHT].isnull() | _[WEIGHT].isnan()))
    if unknown:
        raise UserError(
            f"params.yaml: split.min_weight = {min_weight:g} needs a weight on every interaction, but {unknown:,} of "
            f"{count(rows):,} rows have none. Give every row a weight, or set split.min_weight: null."
        )
    return rows.filter(_[WEIGHT] >= min_weight)


def k_core(train: ibis.Table, core: KCore) -> tuple[ibis.Table, int]:
    """The largest part of ``train`` where every user has ``core.users`` items and every item ``core.items`` users.

    Counted are distinct pairs, whatever the number of events. Returns the rows and how many rounds removed some.
    """
    if core.users <= 1 and core.items <= 1:
        return train, 0
    pairs, rounds = kept(train.select(*PAIR).distinct()), 0
    size = count(pairs)
    while True:
        pairs = kept(_often(_often(pairs, USER, core.users), ITEM, core.items))
        left = count(pairs)
        if left == size:
            return train.semi_join(pairs, PAIR), rounds
        size, rounds = left, rounds + 1


def _often(pairs: ibis.Table, column: str, least: int) -> ibis.Table:
    if least <= 1:
        return pairs
    counted = pairs.mutate(_n=pairs.count().over(group_by=column))
    return counted.filter(_["_n"] >= least).drop("_n")


def people(tables: Sequence[ibis.Table]) -> ibis.Table:
    """Every user id in any of ``tables``, once."""
    ids = (
        ibis.union(*(table.select(USER) for table in tables), distinct=True)
        if len(tables) > 1
        else tables[0].select(USER)
    )
    return ids.filter(ids[USER].notnull()).distinct()


def _differences(sizes: dict[str, int]) -> dict[str, int]:
    names, numbers = list(sizes), list(sizes.values())
    return {name: before - after for name, before, after in zip(names[1:], numbers, numbers[1:], strict=False)}


def _all_gone(sizes: dict[str, int], params: Split) -> str:
    steps = f"{sizes['read']:,} interactions read, {sizes['null_ids']:,} with ids"
    steps += f", {sizes['duplicates']:,} without duplicates"
    if params.min_weight is not None:
        steps += f", {sizes['below_min_weight']:,} with a weight of at least {params.min_weight:g}"
    return (
        f"Nothing is left to learn from: {steps}. Look at the ingested data, or lower split.min_weight in params.yaml."
    )
