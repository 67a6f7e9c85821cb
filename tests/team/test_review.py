"""What a reviewer finds in the offline W&B runs and in the lineage is what the files of the line say."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from workspaces import Workspace

from recsmith.files import read_json
from recsmith.serving.manifest import read
from stages._stage import STAGES

pytestmark = [pytest.mark.slow, pytest.mark.short, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def records(finished: Workspace) -> dict[str, list[dict[str, Any]]]:
    """Stage -> the records of its run, read back by W&B's own reader."""
    return {name: read_back(finished, name) for name in STAGES}


def read_back(workspace: Workspace, stage: str) -> list[dict[str, Any]]:
    run = read_json(workspace.root / f"data/{stage}/run.json")["wandb"]
    (log,) = workspace.root.glob(f".work/wandb/offline-run-*-{run}/run-{run}.wandb")
    shown = workspace.run(sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(log))
    assert shown.returncode == 0, shown.stdout
    return [json.loads(line) for line in shown.stdout.splitlines()]


def of(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [record[kind] for record in records if record["type"] == kind]


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: value for part in of(records, "summary") for name, value in part["update"].items()}


def config(records: list[dict[str, Any]]) -> dict[str, Any]:
    parts = [*(run["config"] for run in of(records, "run")), *of(records, "config")]
    return {name: value for part in parts for name, value in part["update"].items()}


def history(records: list[dict[str, Any]], name: str) -> list[Any]:
    return [part["item"][name] for part in of(records, "history") if name in part["item"]]


def table(workspace: Workspace, stage: str, name: str) -> list[list[Any]]:
    run = read_json(workspace.root / f"data/{stage}/run.json")["wandb"]
    (path,) = workspace.root.glob(f".work/wandb/offline-run-*-{run}/files/media/table/{name}_[0-9]*.table.json")
    return read_json(path)["data"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_every_stage_is_a_run_of_one_group_with_its_name_as_job_type(
    records: dict[str, Any], finished: Workspace
) -> None:
    for stage, found in records.items():
        (run,) = of(found, "run")
        group = read_json(finished.root / f"data/{stage}/run.json")["run"]
        assert (run["run_group"], run["job_type"]) == (group, stage)


def test_the_config_is_the_effective_section(records: dict[str, Any], finished: Workspace) -> None:
    effective = read_json(finished.root / "data/report/lineage.json")["params"]["effective"]
    for stage, found in records.items():
        assert config(found)[stage] == effective[stage], stage
        assert config(found)["run"] == effective["run"], stage


def test_the_run_of_the_report_says_which_commit_data_and_champion(
    records: dict[str, Any], finished: Workspace
) -> None:
    lineage = read_json(finished.root / "data/report/lineage.json")
    told = config(records["report"])["lineage"]
    assert told == {name: lineage[name] for name in told}
    assert {"bundle", "git", "data", "champion_before"} <= told.keys()


def test_artifacts_hold_the_md5s_of_dvc_lock(records: dict[str, Any], finished: Workspace) -> None:
    lock = finished.lock()
    for stage, found in records.items():
        (artifact,) = [one for one in of(found, "artifact") if one["name"] == stage]
        assert json.loads(artifact["metadata"])["md5"] == lock[stage]


def test_numbers_are_those_of_the_metrics_files(records: dict[str, Any], finished: Workspace) -> None:
    models = read_json(finished.root / "data/evaluate/metrics.json")["models"]
    found = summary(records["evaluate"])
    assert {name: found[f"test/{name}"] for name in models["bundle"]["test"]} == models["bundle"]["test"]
    assert {row[0] for row in table(finished, "evaluate", "models")} == set(models)
    assert summary(records["evaluate"])["ndcg@20"] == models["full"]["test"]["ndcg@20"]
    choice = read_json(finished.root / "data/compress/choice.json")
    assert summary(records["compress"])["retained"] == pytest.approx(choice["retained"])


def test_curves_trials_pareto_and_recommendations_are_there(records: dict[str, Any], finished: Workspace) -> None:
    trained = [row for row in rows(finished.root / "data/train/history.csv") if row["model"] == "candidate"]
    assert history(records["train"], "candidate/loss") == pytest.approx([float(row["loss"]) for row in trained])
    trials = rows(finished.root / "data/search/trials.csv")
    assert len(table(finished, "search", "trials")) == len(trials)
    recipes = rows(finished.root / "data/compress/pareto.csv")
    points = [value for point in table(finished, "compress", "pareto_plot_table") for value in point]
    assert points == pytest.approx([float(row[name]) for row in recipes for name in ("bytes", "retained")])
    assert "_wandb.visualize.pareto_plot" in config(records["compress"])
    shown = table(finished, "report", "recommendations")
    assert shown
    assert all(recommended for _, _, recommended in shown)


def test_the_lineage_of_a_bundle_answers_where_it_came_from(finished: Workspace) -> None:
    digest = read(finished.root / "data/compress/bundle")["digest"]
    told = finished.run("python", "-m", "recsmith", "lineage", "data/compress/bundle").stdout
    commit = finished.run("git", "rev-parse", "HEAD").stdout.strip()
    run = read_json(finished.root / "data/evaluate/run.json")
    for word in (digest, commit, run["run"], f"W&B run {run['wandb']}", "champion before:  nobody", "60 users"):
        assert word in told
    whole = json.loads(finished.run("python", "-m", "recsmith", "lineage", digest[:12], "--json").stdout)
    assert whole == read_json(finished.root / "data/report/lineage.json")
    assert whole["data"]["md5"]
    unknown = finished.run("python", "-m", "recsmith", "lineage", "0" * 12)
    assert (unknown.returncode, "no lineage of bundle 000000000000 is here" in unknown.stdout) == (1, True)
