"""From ingested interactions to three sealed splits with their audit: all steps in their order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
from ibis.backends.duckdb import Backend

from recsmith.config.split import KCore, Split
from recsmith.errors import UserError
from recsmith.files import write_json
from recsmith.tables.audit import audit, prove
from recsmith.tables.columns import ITEM, SPLIT, SPLITS, USER
from recsmith.tables.connect import count, kept, read, write, write_interactions
from recsmith.tables.prepare import k_core, people, prepare
from recsmith.tables.splits import split


@dataclass(frozen=True)
class Cored:
    """Train and valid after k-core, and what it removed."""

    train: ibis.Table
    valid: ibis.Table
    removed: dict[str, int]


def split_files(backend: Backend, ingest: Path | str, out: Path | str, params: Split, seed: int) -> dict[str, Any]:
    """Split ``ingest``/interactions.parquet into ``out``; returns the audit that was written there too.

    Writes train, valid, test and people (parquet) and audit.json. Raises UserError where the data cannot be split as
    asked or a proof of the audit fails.
    """
    ingest, out = Path(ingest), Path(out)
    raw = read(backend, ingest / "interactions.parquet")
    comes_split = bool(count(raw.filter(raw[SPLIT].notnull())))
    prepared = prepare(raw, params, keep_split=params.method == "given")
    sealed = split(prepared.rows, params, seed)
    cored = core(sealed.parts["train"], sealed.parts["valid"], params.k_core)
    parts = {"train": cored.train, "valid": cored.valid, "test": sealed.parts["test"]}
    for name in SPLITS:
        write_interactions(parts[name].mutate(**{SPLIT: ibis.literal(name)}), out / f"{name}.parquet")
    write(people([raw, read(backend, ingest / "users.parquet")]), out / "people.parquet", [USER])
    k_core_rows = {name: n for name, n in cored.removed.items() if name.startswith("k_core_rows")}
    lost = {"read": count(raw), **prepared.removed, **sealed.dropped, **k_core_rows}
    found = audit(backend, out, params.method, sealed.carved, lost)
    found |= {"k_core": cored.removed, "warnings": _warnings(params, comes_split)}
    write_json(out / "audit.json", found)
    prove(found["proofs"])
    return found


def core(train: ibis.Table, valid: ibis.Table, params: KCore) -> Cored:
    """Keep in train and valid the users and items of train's k-core; test is never filtered.

    A bound of 1 filters nothing, so that users and items of valid alone may stay. UserError where nothing is left.
    """
    core_train, rounds = k_core(train, params)
    core_train, left = core_train if core_train is train else kept(core_train), valid
    if params.users > 1:
        left = left.semi_join(core_train, USER)
    if params.items > 1:
        left = left.semi_join(core_train, ITEM)
    left = left if left is valid else kept(left)
    if not count(core_train) or not count(left):
        raise UserError(
            f"params.yaml: split.k_core = (users {params.users}, items {params.items}) leaves {count(core_train):,} of "
            f"{count(train):,} train and {count(left):,} of {count(valid):,} valid interactions. Lower it."
        )
    removed = {
        "k_core_rows_from_train": count(train) - count(core_train),
        "k_core_rows_from_valid": count(valid) - count(left),
        "users_of_train": _gone(train, core_train, USER),
        "items_of_train": _gone(train, core_train, ITEM),
        "rounds": rounds,
    }
    return Cored(core_train, left, removed)


def _gone(before: ibis.Table, after: ibis.Table, column: str) -> int:
    return count(before.select(column).distinct()) - count(after.select(column).distinct())


def _warnings(params: Split, comes_split: bool) -> list[str]:
    if comes_split and params.method != "given":
        return [
            f"The source comes split, but split.method = {params.method!r}: its split was ignored, all rows split anew."
        ]
    return []
