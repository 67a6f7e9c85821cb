"""Each stage, run again with nothing but what dvc.yaml says that it needs, gives the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from workspaces import Workspace

from recsmith.files import file_hash
from stages._stage import STAGES

VARYING = ("run.json", "timing.json")
LEAF = "report"

pytestmark = [pytest.mark.slow, pytest.mark.short, pytest.mark.timeout(1800)]


def pipeline(workspace: Workspace) -> dict[str, Any]:
    return YAML(typ="safe").load((workspace.root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


@pytest.fixture
def sandbox(finished: Workspace, tmp_path: Path, request: pytest.FixtureRequest) -> Workspace:
    """A folder with the declared dependencies and the declared parameters of one stage."""
    stage = pipeline(finished)[request.getfixturevalue("stage")]
    for name in stage["deps"]:
        _copy(finished.root, tmp_path, name.replace("${ingest.path}", "data/raw"))
    sections = YAML(typ="safe").load((finished.root / "params.yaml").read_text(encoding="utf-8"))
    with (tmp_path / "params.yaml").open("w", encoding="utf-8") as handle:
        YAML().dump(_chosen(sections, stage["params"]), handle)
    return Workspace(tmp_path)


def _chosen(sections: dict[str, Any], names: list[str]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for section, _, knob in (name.partition(".") for name in names):
        chosen[section] = {**chosen.get(section, {}), knob: sections[section][knob]} if knob else sections[section]
    return chosen


def _copy(source: Path, target: Path, name: str) -> None:
    (target / name).parent.mkdir(parents=True, exist_ok=True)
    if (source / name).is_dir():
        shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source / name, target / name)


def results(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in VARYING)
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in files}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_needs_nothing_else_and_repeats_itself(stage: str, sandbox: Workspace, finished: Workspace) -> None:
    run = sandbox.run("python", "-m", f"stages.{stage}")
    assert run.returncode == 0, run.stdout
    again, first = results(sandbox.root / "data" / stage), results(finished.root / "data" / stage)
    assert set(again) == set(first)
    if stage != LEAF:
        assert {name for name in first if first[name] != again[name]} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_writes_its_declared_outs_and_no_more(stage: str, finished: Workspace) -> None:
    entry = pipeline(finished)[stage]
    listed = [out for kind in ("outs", "metrics", "plots") for out in entry.get(kind, [])]
    declared = {Path(next(iter(out)) if isinstance(out, dict) else out).name for out in listed}
    assert {path.name for path in (finished.root / "data" / stage).iterdir()} - {".gitignore"} == declared


def texts(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in VARYING:
            yield path.name, path.read_bytes()


@pytest.mark.parametrize("stage", [name for name in STAGES if name != LEAF])
def test_outs_name_no_folder_and_no_run(stage: str, finished: Workspace) -> None:
    run = YAML(typ="safe").load((finished.root / "data" / stage / "run.json").read_text(encoding="utf-8"))["run"]
    for name, content in texts(finished.root / "data" / stage):
        assert str(finished.root).encode() not in content, name
        assert run.encode() not in content, name
