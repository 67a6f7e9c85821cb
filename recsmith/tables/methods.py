"""How each split method labels candidates: train, valid or test.

One pair (user, item) is judged once, at its last row of the target event: that row is the pair's *candidate*.
"""

from __future__ import annotations

from typing import Any

import ibis
from ibis import _

from recsmith.tables.columns import EVENT, ITEM, POSITION, SPLIT, TIMESTAMP, USER, WEIGHT
from recsmith.tables.connect import count
from recsmith.tables.prepare import PAIR

HEX_DIGITS = 13
"""Digits of the md5 that decide a random split: 52 bits, as many as a float64 holds exactly."""


def mark_candidates(rows: ibis.Table, target: str | None) -> ibis.Table:
    """Add ``candidate``: true for the last row of the target event of each pair, at most one a pair."""
    rows = rows.mutate(_target=_[EVENT] == target if target is not None else ibis.literal(True))
    order = [ibis.desc(rows[name], nulls_first=False) for name in (TIMESTAMP, POSITION, EVENT, WEIGHT, SPLIT)]
    rows = rows.mutate(_rank=ibis.row_number().over(group_by=[*PAIR, "_target"], order_by=order))
    return rows.mutate(candidate=_["_target"] & (_["_rank"] == 0)).drop("_target", "_rank")


def last_of_each_user(rows: ibis.Table, valid: float | None, test: float | None) -> Any:
    """The label of each candidate: a user's last ones are test, those before them valid.

    Of a user's ``n`` candidates test gets ``max(1, floor(n * test + 0.5))``, valid ``max(1, floor(n * valid + 0.5))``
    (one each where the share is None, none where it is 0), but train always keeps the first: a user with one candidate
    is in train only, one with two in train and test. Ties in time go by place in the list, then by item id.
    """
    groups = [rows[USER], rows["candidate"]]
    n: Any = rows.count().over(group_by=groups)
    newest_first = [ibis.desc(rows[name]) for name in (TIMESTAMP, POSITION, ITEM)]
    position: Any = ibis.row_number().over(group_by=groups, order_by=newest_first)
    n_test: Any = ibis.least(_share(n, test), n - 1)
    n_valid: Any = ibis.least(_share(n, valid), n - 1 - n_test)
    return ibis.cases((position < n_test, "test"), (position < n_test + n_valid, "valid"), else_="train")


def by_cut(rows: ibis.Table, valid: float, test: float) -> Any:
    """The label of each candidate by two cut times for everybody: test from the second on, valid from the first on.

    The cuts are times of candidates, chosen so that about ``n * test`` and ``n * valid`` of them (rounded half up) lie
    behind; all candidates of the cut's second go to the later split.
    """
    first, second = cut_times(rows, valid, test)
    time: Any = rows[TIMESTAMP]
    return ibis.cases((time >= second, "test"), (time >= first, "valid"), else_="train")


def cut_times(rows: ibis.Table, valid: float, test: float) -> tuple[int, int]:
    """First second of valid and of test."""
    candidates = rows.filter(_["candidate"])
    n = count(candidates)
    second = _nth_last(candidates, int(n * test + 0.5))
    earlier = candidates.filter(_[TIMESTAMP] < second)
    if not count(earlier):
        return second, second
    return _nth_last(earlier, int(n * valid + 0.5)), second


def at_random(rows: ibis.Table, valid: float, test: float, seed: int) -> Any:
    """The label of each candidate by the md5 of seed, user and item: a pair's label never depends on other pairs."""
    start: Any = ibis.literal(f"{seed}\x1f")
    text = start + rows[USER] + "\x1f" + rows[ITEM]
    digits = text.hexdigest("md5").left(HEX_DIGITS)
    return ibis.cases((digits < _threshold(test), "test"), (digits < _threshold(test + valid), "valid"), else_="train")


def _share(n: Any, share: float | None) -> Any:
    if share is None:
        return ibis.literal(1)
    if share == 0:
        return ibis.literal(0)
    return ibis.greatest(1, (n * share + 0.5).floor().cast("int64"))


def _nth_last(rows: ibis.Table, n: int) -> int:
    """Time of the ``n``-th row from the end (from 1)."""
    row = rows.select(TIMESTAMP).order_by(ibis.desc(TIMESTAMP)).limit(1, offset=max(n, 1) - 1).to_pyarrow()
    return row[TIMESTAMP][0].as_py()


def _threshold(share: float) -> str:
    return f"{min(round(share * 16**HEX_DIGITS), 16**HEX_DIGITS - 1):0{HEX_DIGITS}x}"
