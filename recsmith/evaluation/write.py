"""The files of the verdict: metrics.json, per_user.parquet, slices.csv; equal results give equal bytes."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsmith.evaluation.judge import Verdict, headline_cutoff
from recsmith.files import replacing, write_json, write_text
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant


def write_results(
    folder: Path, document: dict[str, Any], verdict: Verdict, relevant: Relevant, seen: Graph, user_ids: list[str]
) -> None:
    """Write all three files into ``folder``; ``document`` becomes metrics.json."""
    write_json(folder / "metrics.json", document)
    write_text(folder / "slices.csv", _csv(verdict.slices))
    with replacing(folder / "per_user.parquet") as aside:
        pq.write_table(_per_user(verdict, relevant.users, seen, user_ids), aside, compression="zstd")


def _per_user(verdict: Verdict, users: np.ndarray, seen: Graph, user_ids: list[str]) -> pa.Table:
    """user_id, activity, then ``MODEL:ndcg@20`` and ``MODEL:recall@20`` of every model, in user order."""
    names = list(next(iter(verdict.per_user.values())))
    cutoff = headline_cutoff([int(name.partition("@")[2]) for name in names])
    columns = {"user_id": [user_ids[user] for user in users], "activity": np.diff(seen.indptr)[users]}
    for model, values in verdict.per_user.items():
        columns |= {f"{model}:{name}": values[name] for name in (f"ndcg@{cutoff}", f"recall@{cutoff}")}
    return pa.table(columns)


def _csv(rows: list[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
