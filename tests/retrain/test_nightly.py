"""A night from end to end on the tiny workspace: good and bad data, a contest, nothing new, a rollback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nights import BAD, flood, more_events
from workspaces import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def said(workspace: Workspace, *command: str) -> str:
    result = workspace.run(*command)
    assert result.returncode == 0, result.stdout
    return result.stdout


def content(workspace: Workspace, path: str) -> Any:
    return json.loads((workspace.root / path).read_text(encoding="utf-8"))


def test_a_night(finished: Workspace, copy_of: Callable[[Workspace], Workspace]) -> None:
    workspace = copy_of(finished)
    assert "the first champion" in said(workspace, "python", "-m", "recsmith", "champion", "decide")
    said(workspace, "python", "-m", "recsmith", "events", "init")
    workspace.change({"retrain": {"inbox": {"settle_seconds": 0.0}, "promote": {"tolerance": 1.0}}})
    workspace.change({"train": {"warm_start": True}, "validate": {"checks": {"users_under_k": "critical"}}})
    inbox: Path = workspace.root / "data/inbox"
    inbox.mkdir()
    (inbox / "bad.csv").write_text(BAD, encoding="utf-8")
    (inbox / "good.csv").write_text(more_events(), encoding="utf-8")

    night = said(workspace, "python", "-m", "flows.retrain")
    assert "rejected bad.csv: 1 times are outside" in night
    assert [path.name.partition("-")[2] for path in (inbox / "taken").iterdir()] == ["good.csv"]
    assert "Running stage 'train'" in night
    assert "Running stage 'search'" not in night, "a night chooses nothing anew"
    contest = content(workspace, "data/evaluate/metrics.json")["contest"]
    assert (contest["version"], contest["users"] > 0) == (1, True)
    (first, second) = content(workspace, "data/champion/history.json")["entries"]
    assert first["version"] == 1
    assert second["interval"] == contest["paired"][contest["metric"]]["interval"]
    assert (second["action"], second["version"]) == ("promoted", 2), "no difference is below minus 1"
    assert second["events"] == content(workspace, "data/incumbent/incumbent.json")["events"]
    for folder in ("events", "champion", "incumbent"):
        assert (workspace.root / f"data/{folder}.dvc").is_file()
    assert said(workspace, "dvc", "status", "data/events.dvc", "data/champion.dvc", "data/incumbent.dvc").strip() == (
        "Data and pipelines are up to date."
    )

    page = (workspace.root / "data/report/report.html").read_text(encoding="utf-8")
    assert "<h3>Against the champion</h3>" in page

    again = said(workspace, "python", "-m", "flows.retrain")
    assert "nothing new among" in again
    assert "Running stage" not in again
    assert len(content(workspace, "data/champion/history.json")["entries"]) == 2
    served = "data/champion/current/bundle/manifest.json"
    assert content(workspace, served)["digest"] == second["digest"]
    assert "version 1" in said(workspace, "make", "--no-print-directory", "rollback", "INSTALLED=")
    assert content(workspace, served)["digest"] == first["digest"]
    assert "up to date" in said(workspace, "dvc", "status", "data/champion.dvc"), "the rollback is versioned, too"
    history = content(workspace, "data/champion/history.json")

    before = content(workspace, "data/events/log.json")
    (inbox / "flood.csv").write_text(flood(), encoding="utf-8")
    bad = said(workspace, "python", "-m", "flows.retrain")
    assert "nothing new but what was withdrawn" in bad
    after = content(workspace, "data/events/log.json")
    assert (after["parts"], after["batches"]) == (before["parts"], before["batches"])
    (gone,) = after["withdrawn"]
    assert gone["name"] == "flood.csv"
    assert "users_under_k" in gone["reason"]
    aside = [path.name.partition("-")[2] for path in (inbox / "rejected").glob("*flood*")]
    assert sorted(aside) == ["flood.csv", "flood.csv.reason.txt"]
    assert content(workspace, "data/champion/history.json") == history
    assert content(workspace, "data/validate/report.json")["success"]
    current = said(workspace, "dvc", "status", "ingest", "validate", "split", "data/events.dvc")
    assert current.strip() == "Data and pipelines are up to date."
