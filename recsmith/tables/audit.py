"""The proof that a split leaks nothing, counted in the tables that were written."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import ibis
from ibis.backends.duckdb import Backend

from recsmith.errors import UserError
from recsmith.tables.columns import ITEM, SPLITS, TIMESTAMP, USER
from recsmith.tables.connect import count, read
from recsmith.tables.demands import TEMPORAL
from recsmith.tables.prepare import PAIR

Parts = dict[str, ibis.Table]


def audit(backend: Backend, folder: Path | str, method: str, carved: str, lost: dict[str, int]) -> dict[str, Any]:
    """Count splits, leaks and cold users and items of the tables in ``folder``.

    ``lost`` tells how many rows were read (``read``) and removed by each step; ``proofs`` must all be 0 (``prove``).
    """
    parts = {name: read(backend, Path(folder) / f"{name}.parquet") for name in SPLITS}
    sizes = {name: _sizes(part) for name, part in parts.items()}
    written = sum(size["rows"] for size in sizes.values())
    return {
        "method": method,
        "valid_from": carved,
        "splits": sizes,
        "removed": lost,
        "proofs": {
            **_shared(parts),
            **_future(parts, method, carved),
            "rows_lost_uncounted": lost["read"] - sum(n for name, n in lost.items() if name != "read") - written,
        },
        "cold": {
            "valid": _cold(parts["valid"], parts["train"]),
            "test": _cold(parts["test"], ibis.union(parts["train"], parts["valid"])),
        },
    }


def prove(proofs: dict[str, int]) -> None:
    """Raise UserError where a proof is not 0; nothing behind such a split can be trusted."""
    broken = {name: value for name, value in proofs.items() if value}
    if broken:
        found = ", ".join(f"{name} = {value:,}" for name, value in sorted(broken.items()))
        raise UserError(f"The split leaks: {found} (each must be 0). Please report this, with data/split/audit.json.")


def _sizes(part: ibis.Table) -> dict[str, Any]:
    row = part.agg(
        rows=part.count(),
        users=part[USER].nunique(),
        items=part[ITEM].nunique(),
        first_timestamp=part[TIMESTAMP].min(),
        last_timestamp=part[TIMESTAMP].max(),
    )
    return {**row.to_pyarrow().to_pylist()[0], "pairs": count(part.select(*PAIR).distinct())}


def _shared(parts: Parts) -> dict[str, int]:
    """Pairs in both of each two splits."""
    pairs = {name: part.select(*PAIR).distinct() for name, part in parts.items()}
    return {f"shared_pairs_{a}_{b}": count(pairs[a].semi_join(pairs[b], PAIR)) for a, b in combinations(SPLITS, 2)}


def _future(parts: Parts, method: str, carved: str) -> dict[str, int]:
    """Rows later than what they must not know (of everybody or of the same user), where the method promises none."""
    checked = [("train", "valid")] if carved in TEMPORAL else []
    checked += [("train", "test"), ("valid", "test")] if method in TEMPORAL else []
    rule = _from_cut_on if method == "global_temporal" else _after_users_first
    return {f"future_rows_{earlier}_{later}": count(rule(parts[earlier], parts[later])) for earlier, later in checked}


def _from_cut_on(earlier: ibis.Table, later: ibis.Table) -> ibis.Table:
    return earlier.filter(earlier[TIMESTAMP] >= later[TIMESTAMP].min().as_scalar())


def _after_users_first(earlier: ibis.Table, later: ibis.Table) -> ibis.Table:
    first = later.group_by(USER).agg(_first=later[TIMESTAMP].min())
    joined = earlier.inner_join(first, USER)
    return joined.filter(joined[TIMESTAMP] > joined["_first"])


def _cold(part: ibis.Table, known: ibis.Table) -> dict[str, int]:
    """Users and items of ``part`` that ``known`` never saw, and the pairs that hold one of them."""
    pairs = part.select(*PAIR).distinct()
    users = pairs.anti_join(known, USER)
    items = pairs.anti_join(known, ITEM)
    return {
        "users": count(users.select(USER).distinct()),
        "items": count(items.select(ITEM).distinct()),
        "pairs_of_cold_users": count(users),
        "pairs_of_cold_items": count(items),
        "pairs": count(pairs),
    }
