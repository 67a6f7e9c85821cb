"""What a finished line says of itself, held against its own files."""

from __future__ import annotations

import json
import math
from collections import defaultdict

import pyarrow.parquet as pq
import pytest
from workspaces import Workspace

from recsmith.report import numbers
from recsmith.serving.bundle import load
from stages._stage import STAGES

pytestmark = [pytest.mark.slow, pytest.mark.short, pytest.mark.timeout(1800)]


def metrics_of(workspace: Workspace) -> dict:
    return json.loads((workspace.root / "data/evaluate/metrics.json").read_text())


def test_the_bundle_asked_from_outside_scores_what_the_metrics_say(finished: Workspace) -> None:
    data, wanted = finished.root / "data", defaultdict(set)
    for row in pq.read_table(data / "split/test.parquet").to_pylist():
        wanted[row["user_id"]].add(row["item_id"])
    bundle, users = load(data / "compress/bundle"), sorted(wanted)
    lists = bundle.recommend(users, 20).items
    recall, ndcg = [], []
    for user, items in zip(users, lists, strict=True):
        hit = [bundle.items[int(item)] in wanted[user] for item in items if item >= 0]
        recall.append(sum(hit) / len(wanted[user]))
        ideal = sum(1 / math.log2(place + 2) for place in range(min(20, len(wanted[user]))))
        ndcg.append(sum(right / math.log2(place + 2) for place, right in enumerate(hit)) / ideal)
    said = metrics_of(finished)["models"]["bundle"]["test"]
    assert said["recall@20"] == pytest.approx(sum(recall) / len(users))
    assert said["ndcg@20"] == pytest.approx(sum(ndcg) / len(users))


def test_every_user_of_the_test_is_counted_and_every_model_is_there(finished: Workspace) -> None:
    metrics = metrics_of(finished)
    people = pq.read_table(finished.root / "data/evaluate/per_user.parquet")
    assert metrics["users"] == people.num_rows
    assert set(metrics) == {"split", "users", "models", "paired", "oracle", "contest"}
    assert list(metrics["models"]) == sorted(("full", "bundle", "popularity", "item_knn", "ease", "als", "lightgcn"))
    for name, model in metrics["models"].items():
        assert {"family", "valid", "test", "warm", "interval", "beyond", "link"} <= set(model), name
        assert model["test"]["ndcg@20"] == pytest.approx(sum(people[f"{name}:ndcg@20"].to_pylist()) / people.num_rows)
        assert model["link"]["accuracy"] is not None


def test_the_winner_is_never_below_a_baseline_that_it_could_have_picked_on_valid(finished: Workspace) -> None:
    models = metrics_of(finished)["models"]
    best = max(models[name]["valid"]["ndcg@20"] for name in ("item_knn", "ease"))
    assert models["full"]["valid"]["ndcg@20"] >= best


def test_the_demo_tells_the_best_that_anyone_could_reach(finished: Workspace) -> None:
    assert metrics_of(finished)["oracle"]["ndcg@20"] > 0


def test_the_report_shows_the_numbers_of_the_metrics(finished: Workspace) -> None:
    text = (finished.root / "data/report/report.html").read_text()
    for model in metrics_of(finished)["models"].values():
        assert all(numbers.score(value) in text for value in model["test"].values())
    assert str(finished.root) not in text


def test_the_lineage_names_commit_stages_and_bundle(finished: Workspace) -> None:
    found = json.loads((finished.root / "data/report/lineage.json").read_text())
    assert len(found["git"]["commit"]) == 40
    assert set(found["stages"]) == set(STAGES) - {"report"}
    assert set(found["runs"]) >= {"ingest", "evaluate"}
    assert found["bundle"] == load(finished.root / "data/compress/bundle").manifest["digest"]
