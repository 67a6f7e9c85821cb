"""The tools that the Makefile calls."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recsmith.errors import UserError
from tools import deps, readme, results

ROOT = Path(__file__).resolve().parents[2]
ALONE = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
"""The environment without the `make` that runs these tests."""
FILES = {
    "recsmith/__init__.py": "",
    "recsmith/a/__init__.py": "",
    "recsmith/a/one.py": "def f():\n    from recsmith.b import late\nSHIM = 'shim.js'\n",
    "recsmith/a/two.py": "",
    "recsmith/b/__init__.py": "",
    "recsmith/a/three.py": "",
    "recsmith/a/shim.js": "",
    "recsmith/a/unused.js": "",
    "recsmith/b/late.py": "RUN = ['python', '-m', 'recsmith.c.trial']\n",
    "recsmith/c/__init__.py": "",
    "recsmith/c/trial.py": "import importlib\nfor n in 'xy':\n    importlib.import_module(f'recsmith.d.{n}')\n",
    "recsmith/d/__init__.py": "",
    "recsmith/d/x.py": "",
    "recsmith/d/y.py": "",
    "recsmith/unused.py": "",
    "stages/__init__.py": "",
    "stages/train.py": "from recsmith.a.one import f\nimport numpy\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_code_follows_late_imports_module_names_in_text_and_whole_rooms(project: Path) -> None:
    assert deps.code("train", project) == [
        "recsmith/__init__.py",
        "recsmith/a/__init__.py",
        "recsmith/a/one.py",
        "recsmith/a/shim.js",
        "recsmith/b",
        "recsmith/c",
        "recsmith/d",
        "stages/__init__.py",
        "stages/train.py",
    ]


def test_update_keeps_data_dependencies_comments_and_order(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deps, "STAGES", ("train",))
    path = project / "dvc.yaml"
    path.write_text(
        "# why\nstages:\n  train:\n    deps:\n      - data/x\n      - recsmith/unused.py\n", encoding="utf-8"
    )
    deps.update(path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# why\nstages:\n  train:\n    deps:\n      - data/x\n      - recsmith/__init__.py\n")
    assert "unused" not in text


def test_update_changes_nothing_where_nothing_changed(tmp_path: Path) -> None:
    for name in ("recsmith", "stages"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    deps.update(tmp_path / "dvc.yaml")
    assert (tmp_path / "dvc.yaml").read_text(encoding="utf-8") == (ROOT / "dvc.yaml").read_text(encoding="utf-8")


METRICS = {
    "users": 10,
    "split": {"method": "random"},
    "models": {
        "full": {"architecture": "filter ridge l2=50", "test": {"ndcg@20": 0.25, "recall@20": 0.5}},
        "ease": {"architecture": "filter ridge l2=50", "test": {"ndcg@20": 0.2, "recall@20": 0.4}},
    },
}


def found(stand_in: bool) -> results.Results:
    source = {"name": "demo", "stand_in": stand_in, "reason": "no network"}
    return results.Results(METRICS, {"bytes": {"export": 1000, "chosen": 250}}, {}, source)


def test_the_table_of_the_readme_is_replaced_and_nothing_else() -> None:
    text = "before\n<!-- results -->\noutdated\n<!-- /results -->\nafter\n"
    filled = readme.fill(text, found(stand_in=False))
    assert filled.startswith("before\n<!-- results -->\n| model |")
    assert filled.endswith("<!-- /results -->\nafter\n")
    assert "0.2500" in filled
    assert "outdated" not in filled
    assert readme.fill(filled, found(stand_in=False)) == filled


def test_a_readme_without_marks_is_left_alone() -> None:
    with pytest.raises(UserError, match="it has 0"):
        readme.fill("no marks", found(stand_in=False))


def test_a_stand_in_is_said_under_every_table() -> None:
    assert any("DEMO STANDS IN" in note for note in found(stand_in=True).notes())
    assert not any("DEMO" in note for note in found(stand_in=False).notes())


def test_without_a_run_there_is_a_plain_message(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-m", "tools.results"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (1, "results: there are no results yet: `make run` makes them.\n")


def test_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = makefile.split(".PHONY:")[1].splitlines()[0].split()
    listed = subprocess.run(["make", "help"], cwd=ROOT, env=ALONE, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in listed.splitlines()} == set(phony)


def test_a_python_that_does_not_fit_is_refused_by_name(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    result = subprocess.run(
        ["make", "run", "PYTHON=nopython"], cwd=tmp_path, env=ALONE, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "'nopython' is not there. Name one: make run PYTHON=" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_machine_without_git_has_a_name_for_what_is_installed(tmp_path: Path) -> None:
    for name in ("make", "cksum", "tr", "date", "echo"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    shown = ["make", "-s", "--eval", "shown:; @echo $(INSTALLED)", "shown"]
    result = subprocess.run(shown, cwd=ROOT, env=ALONE | {"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert re.fullmatch(r"\.venv/\.installed-\d+-\d+\n", result.stdout), result.stdout + result.stderr


def test_the_lock_pins_everything_plainly_and_holds_the_guards() -> None:
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert all(line.count("==") == 1 and "+" not in line and " " not in line for line in lines)
    pins = dict(line.split("==") for line in lines)
    parts = {
        name: tuple(int(part) for part in pins[name].split(".")[:2]) for name in ("fastapi", "sqlalchemy", "setuptools")
    }
    assert parts["fastapi"] < (0, 151)
    assert parts["sqlalchemy"] < (2, 1)
    assert parts["setuptools"] < (81, 0)
    assert pins["torch"] == "2.13.0"
