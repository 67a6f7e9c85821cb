"""Examples for checks that are judged on aggregated facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from recsmith.config.validate import Validate
from recsmith.tables.columns import ITEM, TIMESTAMP, USER
from recsmith.tables.connect import count
from recsmith.validation.facts import Tables, odd_weights, orphans, undescribed, users_under
from recsmith.validation.findings import Finding


def with_samples(finding: Finding, tables: Tables, counts: dict[str, Any], params: Validate) -> Finding:
    """Add examples to a failed check that was judged on aggregated facts (weights: in part)."""
    if finding.success or (finding.rows and finding.name != "weight_range"):
        return finding
    rows = _samples(finding.name, tables, counts, params)
    return replace(finding, rows=tuple(rows)[: params.rows_shown])


def _samples(name: str, tables: Tables, counts: dict[str, Any], params: Validate) -> Iterable[dict[str, Any]]:
    rows, shown = tables.interactions, params.rows_shown
    if name == "users_under_k":
        few = users_under(rows, params.k)
        return few.order_by("interactions", USER).limit(shown).to_pyarrow().to_pylist()
    if name == "weight_range":
        odd = odd_weights(rows, params)
        return odd.order_by(USER, ITEM, TIMESTAMP).limit(shown).to_pyarrow().to_pylist()
    if name == "orphan_features":
        return _orphan_samples(tables, shown)
    what = name.removeprefix("enough_")
    return [{"what": what, "found": counts[what], "needed": getattr(params, f"min_{what}")}] if what in counts else []


def _orphan_samples(tables: Tables, shown: int) -> list[dict[str, Any]]:
    samples = []
    for table, key in ((tables.users, USER), (tables.items, ITEM)):
        lonely = {"described, no interactions": orphans(tables.interactions, table, key)}
        if count(table):
            lonely["interactions, not described"] = undescribed(tables.interactions, table, key)
        for fault, found in lonely.items():
            ids = found.select(key).order_by(key).limit(shown // 4 + 1).to_pyarrow()[key].to_pylist()
            samples += [{"kind": key, "id": value, "fault": fault} for value in ids]
    return samples
