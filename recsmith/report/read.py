"""Reads what the stages wrote, one folder a stage, into what the report is made of."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from recsmith.files import read_json
from recsmith.graph.graph import Graph
from recsmith.model.names import cutoffs_of, headline_cutoff
from recsmith.report import shape
from recsmith.report.inputs import Inputs, Person, Row
from recsmith.report.people import people, spread
from recsmith.serving.bundle import Bundle, load
from recsmith.tables.columns import ITEM, TITLE, USER

SAMPLE = 5000
"""Lists of at most so many users are counted for the popularity charts, evenly spaced by activity."""


def read_inputs(
    line: Path,
    stages: tuple[str, ...],
    *,
    metric: str,
    confidence: float,
    gate: float,
    users: int,
    k: int,
    lineage: Row,
) -> Inputs:
    """Everything below the folder ``line``; ``users`` are shown with ``k`` recommendations each.

    ``gate`` is the share of the exact model's metric that the bundle must keep.
    """
    metrics, choice = read_json(line / "evaluate/metrics.json"), read_json(line / "compress/choice.json")
    people, cutoff = _People(line), headline_cutoff(cutoffs_of(metrics["models"]["full"]["test"]))
    return Inputs(
        source=read_json(line / "ingest/source.json"),
        metrics=metrics,
        best=read_json(line / "search/best.json"),
        metric=metric,
        confidence=confidence,
        slices=read_csv(line / "evaluate/slices.csv"),
        trials=shape.trials(read_csv(line / "search/trials.csv"), metric),
        records=read_json(line / "baseline/records.json"),
        training=shape.training(read_csv(line / "train/history.csv"), metric),
        pareto=shape.pareto(
            read_csv(line / "compress/pareto.csv"), metric, timing(line / "compress").get("p99_ms", {})
        ),
        gate=gate * choice["exact"][metric],
        choice=choice,
        checks=read_json(line / "validate/report.json"),
        audit=read_json(line / "split/audit.json"),
        stats=read_json(line / "graph/stats.json"),
        timing={name: timing(line / name) for name in stages if timing(line / name)},
        watched=people.watched(),
        recommended=people.recommended(cutoff),
        people=people.shown(users, k, f"ndcg@{cutoff}"),
        lineage=lineage,
    )


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file with a header."""
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def timing(folder: Path) -> Row:
    """What a stage measured; empty where it left nothing."""
    path = folder / "timing.json"
    return read_json(path) if path.exists() else {}


class _People:
    """The bundle asked for the users of the test."""

    def __init__(self, line: Path) -> None:
        self.bundle: Bundle = load(line / "compress/bundle")
        self.graph = Graph.load(line / "graph/refit")
        items = pq.read_table(line / "graph/items.parquet")
        ids = items[ITEM].to_pylist()
        titles = items[TITLE].to_pylist() if TITLE in items.column_names else [None] * len(ids)
        self.names = {item: title or item for item, title in zip(ids, titles, strict=True)}
        self.users = {
            user: row for row, user in enumerate(pq.read_table(line / "graph/users.parquet")[USER].to_pylist())
        }
        self.tested: list[Row] = pq.read_table(line / "evaluate/per_user.parquet").to_pylist()

    def watched(self) -> list[int]:
        """(I,) how often each item was touched before the test."""
        return np.bincount(self.graph.binary.indices, minlength=self.graph.n_items).tolist()

    def recommended(self, k: int) -> list[int]:
        """(I,) how often each item stands in the lists, in the graph's order."""
        asked = [row["user_id"] for row in spread(self.tested, SAMPLE)]
        lists = self.bundle.recommend(asked, k).items
        counts = np.bincount(lists[lists >= 0], minlength=len(self.bundle.items))
        return counts[self.bundle.items.find(self.names)].tolist()

    def shown(self, most: int, k: int, metric: str) -> list[Person]:
        """People for the page."""
        rows = [{**row, "quality": row.get(f"bundle:{metric}")} for row in spread(self.tested, most)]
        return people(rows, self.bundle, self.graph, self.users, self.names, k)
