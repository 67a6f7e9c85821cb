"""The whole project from its remote: a fresh clone that pulls has every result and nothing to run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.repo import Repo
from small_projects import ROOT, WHO, done, run
from workspaces import Workspace


def test_dvc_sees_what_is_kept_below_data(tmp_path: Path) -> None:
    done(tmp_path, "git", "init", "-q")
    done(tmp_path, "dvc", "init", "-q")
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw/events.csv").write_text("a", encoding="utf-8")
    done(tmp_path, "dvc", "add", "-q", "data/raw")
    with Repo(str(tmp_path)) as repo:
        assert [Path(out.fspath).name for out in repo.index.outs] == ["raw"]
    shown = done(tmp_path, "git", "status", "--short", "-uall").split()
    assert "data/raw.dvc" in shown
    assert "data/raw/events.csv" not in shown


@pytest.mark.slow
@pytest.mark.short
@pytest.mark.timeout(1800)
def test_a_fresh_clone_of_the_project_that_pulls_runs_nothing(
    finished: Workspace, copy_of: Callable[[Workspace], Workspace], tmp_path: Path
) -> None:
    root = copy_of(finished).root
    done(root, "dvc", "remote", "add", "--default", "team", str(tmp_path / "store"))
    done(root, "python", "-m", "tools.remotes", "push")
    done(root, "git", "add", "-A")
    done(root, "git", *WHO, "commit", "-qm", "results")
    fresh = tmp_path / "fresh"
    done(root, "git", "clone", "-q", ".", str(fresh))
    done(fresh, "python", "-m", "tools.remotes", "pull")
    again = run(fresh, "dvc", "repro")
    assert again.returncode == 0, again.stdout
    assert "Running stage" not in again.stdout
    assert "Data and pipelines are up to date" in again.stdout
    assert done(fresh, "git", "status", "--short") == ""
