"""Stage search: everything it writes, from a folder as the graph and baseline stages leave it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from searches import tastes

from recsmith.config.base import Run
from recsmith.model.architecture import Filter
from recsmith.model.record import Record, write_records
from recsmith.search import drive, plain
from recsmith.search.earlier import bring
from stages import search as stage

SEARCH = {"preset": "filters", "trials": 5, "space": {"filters": ["linear", "neighbours", "ridge"]}, "folds": 2}


class FakeContext:
    """A stage's context that keeps what it is told."""

    run = Run(threads=1, device="cpu", memory_mb=500)

    def __init__(self, folder: Path, **search: Any) -> None:
        self.out, self.work, self.track = folder / "data/search", folder / ".work/search", self
        self.search = {**SEARCH, **search}
        self.lines: list[str] = []

    def section(self, name: str, model: Any) -> Any:
        return model.model_validate(self.search if name == "search" else {})

    def value(self, name: str, model: Any, knob: str) -> Any:
        return getattr(self.section(name, model), knob)

    def say(self, text: str) -> None:
        self.lines.append(text)

    def ignored(self, *given: Any, **named: Any) -> None:
        """The tracker and the clock are not looked at here."""

    log = table = trial = timing = metric = ignored


@pytest.fixture(autouse=True)
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tastes(tmp_path / "data/graph")
    metrics = {"ndcg@20": 0.01}
    knn = Record(name="item_knn", source="baseline", key="knn", architecture=Filter(kind="neighbours"), metrics=metrics)
    write_records(tmp_path / "data/baseline/records.json", [knn])
    monkeypatch.setattr(drive, "search", lambda task, work, say: plain.search(task))


def searched(folder: Path, **search: Any) -> FakeContext:
    context = FakeContext(folder, **search)
    stage.run(context)  # pyright: ignore[reportArgumentType]
    return context


def test_the_stage_writes_winner_tables_front_and_trust(tmp_path: Path) -> None:
    context = searched(tmp_path)
    out = context.out
    assert sorted(path.name for path in out.iterdir()) == (
        ["best.json", "history.csv", "meta.json", "node_scores.csv", "pareto.csv", "trials.csv", "trust.json"]
    )
    table = list(csv.DictReader((out / "trials.csv").open()))
    assert (table[0]["number"], table[0]["name"]) == ("0", "item_knn")
    front = list(csv.DictReader((out / "pareto.csv").open()))
    assert [row["number"] for row in front] == [row["number"] for row in table if row["status"] == "done"]
    trust = json.loads((out / "trust.json").read_text())
    assert trust["choice"]["users"] == 60
    assert trust["front"]["hypervolume"]["bytes"] > 0
    best = json.loads((out / "best.json").read_text())
    assert len(best["record"]["fold_values"]) == 2
    said = "\n".join(context.lines)
    for words in (
        "networks learn from 1,024 interactions a step",
        "1 seeds, 2 splits",
        "is the luck of",
        "hypervolume",
    ):
        assert words in said


def test_a_winner_may_be_the_smallest_of_the_good(tmp_path: Path) -> None:
    sizes = {}
    for rule in ("best", {"smallest_within": 0.99}):
        out = searched(tmp_path, choose=rule, folds=1).out
        crowned = json.loads((out / "best.json").read_text())["record"]["key"]
        table = {row["key"]: row["number"] for row in csv.DictReader((out / "trials.csv").open())}
        front = {row["number"]: int(row["bytes"]) for row in csv.DictReader((out / "pareto.csv").open())}
        sizes[str(rule)] = front[table[crowned]]
    assert sizes["{'smallest_within': 0.99}"] == min(front.values())
    assert sizes["best"] >= min(front.values())


def test_a_search_begins_with_what_an_earlier_one_on_other_data_found(tmp_path: Path) -> None:
    values = {"preset": "filters", "strategy": "random", "folds": 1, "published": 0, "trials": 3}
    earlier = searched(tmp_path, **values).out.rename(tmp_path / "earlier")
    tastes(tmp_path / "data/graph", users=50, seed=9)
    bring(["earlier"], tmp_path, Path("data/search"), tmp_path / "data/earlier/runs.json")
    context = searched(tmp_path, **{**values, "trials": 4}, warm_start=["earlier"])
    assert "the data of earlier searches, the nearest first: earlier (" in "\n".join(context.lines)
    best = json.loads((earlier / "meta.json").read_text())["best"]
    table = [row for row in csv.DictReader((context.out / "trials.csv").open()) if row["name"] == "trial"]
    assert [row["kind"] for row in table[:3]] == [one["knobs"]["kind"] for one in best]


def test_a_winner_that_inherited_was_trained_from_its_own_start(tmp_path: Path) -> None:
    space = {"families": ["gnn"], "operators": ["lightgcn"], "layers": [1, 2], "dimension": [4, 8], "loss": ["bpr"]}
    values = {"preset": "gnn", "space": space, "folds": 1, "inherit": True, "max_epochs": 2, "finalists": 1}
    context = searched(tmp_path, **values)
    table = list(csv.DictReader((context.out / "trials.csv").open()))
    best = json.loads((context.out / "best.json").read_text())["record"]
    assert sum(bool(row["parent"]) for row in table) == 3
    assert best["parent"] is None
    assert "the best 1 networks that inherited are trained again" in "\n".join(context.lines)
