"""A result comes out again from its own code, data and parameters; what differs is named."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from small_projects import WHO, alter, object_of
from workspaces import Workspace

from recsmith.files import read_json, write_json

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]
VERIFY = ("python", "-m", "tools.verify")


def test_the_present_a_past_and_a_made_up_result_are_told_apart(
    finished: Workspace, copy_of: Callable[[Workspace], Workspace]
) -> None:
    workspace = copy_of(finished)
    again = workspace.run(*VERIFY)
    assert again.returncode == 0, again.stdout
    assert "came out again, byte for byte" in again.stdout
    for words in ("add -A", "commit -qm results"):
        assert workspace.run("git", *WHO, *words.split()).returncode == 0
    past = workspace.run(*VERIFY, "--rev", "HEAD")
    assert past.returncode == 0, past.stdout
    path = workspace.root / "data/report/lineage.json"
    lineage = read_json(path)
    lineage["stages"]["split"]["outs"]["data/split/audit.json"] = "0" * 32
    write_json(path, lineage)
    made_up = workspace.run(*VERIFY)
    assert made_up.returncode == 1
    assert f"data/split/audit.json: {'0' * 32} then" in made_up.stdout
    assert "verify: 1 of " in made_up.stdout


def test_other_sources_than_then_are_named_before_anything_runs(
    finished: Workspace, copy_of: Callable[[Workspace], Workspace]
) -> None:
    workspace = copy_of(finished)
    path = workspace.root / "data/report/lineage.json"
    lineage = read_json(path)
    lineage["stages"]["split"]["deps"]["stages/split.py"] = "0" * 32
    write_json(path, lineage)
    result = workspace.run(*VERIFY)
    assert result.returncode == 1
    assert "1 sources are not those that the result was made with: stages/split.py" in result.stdout
    assert "Running stage" not in result.stdout
    assert json.loads(path.read_text(encoding="utf-8")) == lineage


def test_without_git_the_code_that_is_here_is_taken(
    finished: Workspace, copy_of: Callable[[Workspace], Workspace]
) -> None:
    workspace = copy_of(finished)
    (workspace.root / ".git").rename(workspace.root / "no-git")
    assert "verify: git rev-parse" in workspace.run(*VERIFY, "--rev", "HEAD").stdout
    result = workspace.run(*VERIFY)
    assert result.returncode == 0, result.stdout


def test_a_damaged_object_of_the_cache_is_named(finished: Workspace, copy_of: Callable[[Workspace], Workspace]) -> None:
    workspace = copy_of(finished)
    alter(object_of(workspace.root, "data/split/audit.json"))
    result = workspace.run("python", "-m", "tools.intact", "split")
    assert result.returncode == 1
    assert "data/split/audit.json" in result.stdout
