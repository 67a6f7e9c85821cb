"""What may be learnt from and what is sealed.

Methods share out candidates (``methods``); all other rows stay in train as far as they give nothing away (``seal``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ibis

from recsmith.config.split import Split
from recsmith.errors import UserError
from recsmith.tables.columns import EVENT, POSITION, SPLIT, SPLITS, TIMESTAMP, USER
from recsmith.tables.connect import count, kept, release
from recsmith.tables.demands import TEMPORAL, check
from recsmith.tables.methods import at_random, by_cut, last_of_each_user, mark_candidates
from recsmith.tables.prepare import PAIR

ENDS = {"per_user_temporal": TIMESTAMP, "end_of_list": POSITION}
"""Ways to take valid from the end of each user's train, by preference, and the column that each needs."""


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


def carving(rows: ibis.Table, params: Split) -> str:
    """How valid was made: the method itself, ``given``, or how it is carved from a given train.

    The end of a history resembles what comes after it more than a random part does, so train is carved by time or,
    where it has none, by place in the user's list; at random where it has neither or ``params.carve`` says so.
    """
    if params.method != "given":
        return params.method
    if count(rows.filter(rows[SPLIT] == "valid")):
        return "given"
    if params.carve == "random":
        return "random"
    train = rows.filter(rows[SPLIT] == "train")
    known = [name for name, column in ENDS.items() if not count(train.filter(train[column].isnull()))]
    return known[0] if known else "random"


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
    n_apart = count(apart)
    if train is not apart:
        release(apart)
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
    part = last_of_each_user(train, params.valid, 0) if carved in ENDS else at_random(train, params.valid, 0, seed)
    return ibis.union(_labelled(train, part).select(*rows.columns), rows.filter(rows[SPLIT] != "train"))


def _labelled(marked: ibis.Table, part: Any) -> ibis.Table:
    return marked.mutate(**{SPLIT: ibis.ifelse(marked["candidate"], part, "train")}).drop("candidate")


def _pairs(tables: Sequence[ibis.Table]) -> ibis.Table:
    return ibis.union(*(table.select(*PAIR) for table in tables), distinct=True)


def _empty(name: str, params: Split, sealed: Sealed) -> str:
    sizes = ", ".join(f"{split} {number:,}" for split, number in sealed.rows.items())
    drops = ", ".join(f"{reason} {n:,}" for reason, n in sealed.dropped.items() if n) or "none"
    return (
        f"params.yaml: split.method = {params.method!r} leaves no interactions in {name} ({sizes}; dropped: {drops}). "
        "Change split.method, split.valid or split.test, or give more data."
    )
