"""What may be learnt from and what is sealed: every split method, as expressions.

One pair (user, item) is judged once, at its last row of the target event: that row is the pair's *candidate*. Methods
share out candidates; all other rows stay in train as far as they give nothing away (``seal``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ibis
from ibis import _

from recsmith.config.split import Split
from recsmith.errors import UserError
from recsmith.tables.columns import EVENT, ITEM, SPLIT, SPLITS, TIMESTAMP, USER, WEIGHT
from recsmith.tables.connect import kept
from recsmith.tables.prepare import PAIR, count

TEMPORAL = ("per_user_temporal", "global_temporal", "leave_one_out")
HEX_DIGITS = 13
"""Digits of the md5 that decide a random split: 52 bits, as many as a float64 holds exactly."""


@dataclass(frozen=True)
class Sealed:
    """The three splits, their rows, how valid was made, and what sealing dropped (rows, by reason)."""

    parts: dict[str, ibis.Table]
    rows: dict[str, int]
    carved: str
    dropped: dict[str, int]


def split(rows: ibis.Table, params: Split, seed: int) -> Sealed:
    """Split prepared interactions; ``seed`` is used by random parts only.

    Raises UserError where the method cannot work on these rows (no timestamps, no given split, no target event) or
    leaves a split empty.
    """
    check(rows, params)
    carved = carving(rows, params)
    sealed = seal(kept(assign(rows, params, carved, seed)), params, carved)
    for name, number in sealed.rows.items():
        if not number:
            raise UserError(_empty(name, params, sealed))
    return sealed


def assign(rows: ibis.Table, params: Split, carved: str, seed: int) -> ibis.Table:
    """``rows`` with the column ``split`` set to train, valid or test by the method alone; nothing is dropped."""
    if params.method == "given":
        return _given(rows, params, carved, seed)
    marked = mark_candidates(rows, params.target_event)
    if params.method == "random":
        part = at_random(marked, params.valid, params.test, seed)
    elif params.method == "global_temporal":
        part = by_cut(marked, params.valid, params.test)
    elif params.method == "leave_one_out":
        part = last_of_each_user(marked, None, None)
    else:
        part = last_of_each_user(marked, params.valid, params.test)
    return _labelled(marked, part)


def mark_candidates(rows: ibis.Table, target: str | None) -> ibis.Table:
    """Add ``candidate``: true for the last row of the target event of each pair, at most one a pair."""
    rows = rows.mutate(_target=_[EVENT] == target if target is not None else ibis.literal(True))
    order = [ibis.desc(rows[name], nulls_first=False) for name in (TIMESTAMP, EVENT, WEIGHT, SPLIT)]
    rows = rows.mutate(_rank=ibis.row_number().over(group_by=[*PAIR, "_target"], order_by=order))
    return rows.mutate(candidate=_["_target"] & (_["_rank"] == 0)).drop("_target", "_rank")


def last_of_each_user(rows: ibis.Table, valid: float | None, test: float | None) -> Any:
    """The label of each candidate: a user's last ones are test, those before them valid; ties in time by item id.

    Of a user's ``n`` candidates test gets ``max(1, floor(n * test + 0.5))``, valid ``max(1, floor(n * valid + 0.5))``
    (one each where the share is None, none where it is 0), but train always keeps the first: a user with one candidate
    is in train only, one with two in train and test.
    """
    groups = [rows[USER], rows["candidate"]]
    n: Any = rows.count().over(group_by=groups)
    newest_first = [ibis.desc(rows[TIMESTAMP]), ibis.desc(rows[ITEM])]
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


def carving(rows: ibis.Table, params: Split) -> str:
    """How valid was made: the method itself, ``given``, or how it is carved from a given train."""
    if params.method != "given":
        return params.method
    if count(rows.filter(rows[SPLIT] == "valid")):
        return "given"
    train = rows.filter(rows[SPLIT] == "train")
    return "random" if count(train.filter(train[TIMESTAMP].isnull())) else "per_user_temporal"


def seal(labelled: ibis.Table, params: Split, carved: str) -> Sealed:
    """Drop what an earlier split would give away of a later one; the later split always wins.

    Dropped are rows of another event in a given valid or test, rows whose pair is in a later split, and in temporal
    splits rows of train after the user's first valid or test row (per user) or from the cut on (global).
    """
    parts = {name: labelled.filter(labelled[SPLIT] == name) for name in SPLITS}
    if params.target_event is not None:
        for name in ("valid", "test"):
            parts[name] = parts[name].filter(parts[name][EVENT] == params.target_event)
    before = {name: count(part) for name, part in parts.items()}
    valid = kept(parts["valid"].anti_join(parts["test"], PAIR))
    apart = kept(parts["train"].anti_join(_pairs([valid, parts["test"]]), PAIR))
    train = kept(_past(apart, valid, parts["test"], params.method, carved)) if carved in TEMPORAL else apart
    rows = {"train": count(train), "valid": count(valid), "test": before["test"]}
    n_apart = rows["train"] if train is apart else count(apart)
    dropped = {
        "other_events_of_given": count(labelled) - sum(before.values()),
        "shared_pairs_from_train": before["train"] - n_apart,
        "shared_pairs_from_valid": before["valid"] - rows["valid"],
        "future_rows_from_train": n_apart - rows["train"],
    }
    return Sealed({"train": train, "valid": valid, "test": parts["test"]}, rows, carved, dropped)


def _past(train: ibis.Table, valid: ibis.Table, test: ibis.Table, method: str, carved: str) -> ibis.Table:
    later = [valid, test] if method != "given" else [valid]
    held = ibis.union(*later) if len(later) > 1 else later[0]
    if carved == "global_temporal":
        return train.filter(train[TIMESTAMP] < held[TIMESTAMP].min().as_scalar())
    first = held.group_by(USER).agg(_first=held[TIMESTAMP].min())
    joined = train.left_join(first, USER)
    return joined.filter(joined["_first"].isnull() | (joined[TIMESTAMP] <= joined["_first"])).select(*train.columns)


def _given(rows: ibis.Table, params: Split, carved: str, seed: int) -> ibis.Table:
    if carved == "given":
        return rows
    train = mark_candidates(rows.filter(rows[SPLIT] == "train"), params.target_event)
    temporal = carved == "per_user_temporal"
    part = last_of_each_user(train, params.valid, 0) if temporal else at_random(train, params.valid, 0, seed)
    return ibis.union(_labelled(train, part).select(*rows.columns), rows.filter(rows[SPLIT] != "train"))


def _labelled(marked: ibis.Table, part: Any) -> ibis.Table:
    return marked.mutate(**{SPLIT: ibis.ifelse(marked["candidate"], part, "train")}).drop("candidate")


def _pairs(tables: Sequence[ibis.Table]) -> ibis.Table:
    return ibis.union(*(table.select(*PAIR) for table in tables), distinct=True)


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


def _empty(name: str, params: Split, sealed: Sealed) -> str:
    sizes = ", ".join(f"{split} {number:,}" for split, number in sealed.rows.items())
    drops = ", ".join(f"{reason} {n:,}" for reason, n in sealed.dropped.items() if n) or "none"
    return (
        f"params.yaml: split.method = {params.method!r} leaves no interactions in {name} ({sizes}; dropped: {drops}). "
        "Change split.method, split.valid or split.test, or give more data."
    )
