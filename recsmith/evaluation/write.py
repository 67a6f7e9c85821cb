"""The files of the verdict: metrics.json, per_user.parquet, slices.csv; equal results give equal bytes."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsmith.evaluation.judge import Verdict
from recsmith.files import replacing, write_json, write_text
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.names import cutoffs_of, headline_cutoff


@dataclass(frozen=True)
class Ids:
    """The ids behind the graph's numbers."""

    users: list[str]
    items: list[str]


def write_results(
    folder: Path, document: dict[str, Any], verdict: Verdict, relevant: Relevant, seen: Graph, ids: Ids
) -> None:
    """Write all files into ``folder``; ``document`` becomes metrics.json, its headline summary.json."""
    write_json(folder / "metrics.json", document)
    write_json(folder / "summary.json", _summary(verdict))
    write_text(folder / "slices.csv", _csv(verdict.slices))
    with replacing(folder / "per_user.parquet") as aside:
        pq.write_table(_per_user(verdict, relevant.users, seen, ids), aside, compression="zstd")


def _summary(verdict: Verdict) -> dict[str, dict[str, float]]:
    """Model -> NDCG and recall on the test at the headline's cut-off: few enough numbers for ``dvc metrics show``."""
    measured = {name: model["test"] for name, model in verdict.models.items() if model.get("test")}
    cutoff = headline_cutoff(cutoffs_of(next(iter(measured.values()))))
    return {
        f"{metric}@{cutoff}": {name: values[f"{metric}@{cutoff}"] for name, values in measured.items()}
        for metric in ("ndcg", "recall")
    }


def _per_user(verdict: Verdict, users: np.ndarray, seen: Graph, ids: Ids) -> pa.Table:
    """user_id, activity, ``MODEL:ndcg@20`` and ``MODEL:recall@20`` of every model, in user order.

    ``found`` are the items of the test that stand in the bundle's list (in the full model's where there is no bundle).
    """
    names = list(next(iter(verdict.per_user.values())))
    cutoff = headline_cutoff(cutoffs_of(names))
    columns: dict[str, Any] = {"user_id": [ids.users[user] for user in users], "activity": np.diff(seen.indptr)[users]}
    for model, values in verdict.per_user.items():
        columns |= {f"{model}:{name}": values[name] for name in (f"ndcg@{cutoff}", f"recall@{cutoff}")}
    found = [[ids.items[item] for item in row] for row in verdict.found]
    return pa.table({**columns, "found": pa.array(found, pa.list_(pa.string()))})


def _csv(rows: list[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
