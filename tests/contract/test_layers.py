"""Arrows go one way, and each heavy package has one room."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.deps import ROOT, modules

SOURCES = sorted(path for room in ("recsmith", "stages", "flows") for path in (ROOT / room).rglob("*.py"))
ROOMS = {
    "prefect": ("flows/",),
    "nni": ("recsmith/search/", "recsmith/compress/"),
    "great_expectations": ("recsmith/validation/",),
    "wandb": ("stages/_track.py",),
    "dvc": (),
    "cryptography": ("recsmith/privacy/",),
    "torch_geometric": ("recsmith/operators/",),
    "altair": ("recsmith/report/",),
    "ibis": ("recsmith/tables/", "recsmith/validation/", "recsmith/sources/sql.py"),
    "implicit": ("recsmith/baselines/",),
    "faiss": ("recsmith/compress/",),
}


def imported(path: Path) -> set[str]:
    return {name.split(".")[0] for name in modules(path)}


@pytest.mark.parametrize("package", ROOMS)
def test_a_package_is_imported_in_its_room_only(package: str) -> None:
    users = [path.relative_to(ROOT).as_posix() for path in SOURCES if package in imported(path)]
    assert [user for user in users if not user.startswith(ROOMS[package] or "nowhere")] == []


def test_the_library_knows_neither_stages_nor_flows() -> None:
    above = {"stages", "flows", "tools", "benchmarks"}
    assert [path for path in SOURCES if "recsmith" in path.parts and above & imported(path)] == []


def test_stages_know_no_flow_and_flows_know_no_stage() -> None:
    assert [path for path in (ROOT / "stages").glob("*.py") if "flows" in imported(path)] == []
    assert [path for path in (ROOT / "flows").rglob("*.py") if "stages" in imported(path)] == []


def test_flows_share_plain_tools_with_the_library_and_no_domain_logic() -> None:
    tools = ("guard", "locks", "errors", "files", "days", "output", "privacy.secrets")
    shared = {"recsmith", *(f"recsmith.{name}" for name in tools)}
    for path in (ROOT / "flows").rglob("*.py"):
        ours = {name for name in modules(path) if name.split(".")[0] == "recsmith"}
        assert {name for name in ours if not _in(name, shared, "recsmith")} == set(), path.name


def test_no_stage_imports_another() -> None:
    shared = {"stages", *(f"stages._{name}" for name in ("alone", "fitting", "resources", "stage", "track", "winner"))}
    for path in (ROOT / "stages").glob("*.py"):
        assert {name for name in _first_party(path) if not _in(name, shared)} == set(), path.name


def _first_party(path: Path) -> Iterator[str]:
    return (name for name in modules(path) if name.split(".")[0] == "stages")


def _in(name: str, allowed: set[str], room: str = "stages") -> bool:
    return name in allowed or name.rpartition(".")[0] in allowed - {room}


def test_the_library_holds_no_path_of_the_line() -> None:
    for path in SOURCES:
        if "recsmith" in path.parts and "cli" not in path.parts and "config" not in path.parts:
            assert not re.search(r"\"data/\S+\"", path.read_text(encoding="utf-8")), path


def test_serving_needs_numpy_alone() -> None:
    heavy = {"torch", "scipy", "pandas", "safetensors", "pydantic", "ibis", "polars", "sklearn", "faiss"}
    for path in (ROOT / "recsmith" / "serving").glob("*.py"):
        assert heavy & imported(path) == set(), path.name


def test_the_package_itself_imports_nothing() -> None:
    assert set(modules(ROOT / "recsmith" / "__init__.py")) <= {"__future__", "__future__.annotations"}


def test_the_engine_runs_where_only_torch_and_its_kind_are_installed() -> None:
    script = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Missing())
import numpy as np
import recsmith.engine.distributed
from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.store import save_model
from recsmith.graph.graph import from_edges
from recsmith.model.architecture import Filter, Gnn

graph = from_edges(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 2]), 2, 3)
for candidate in (Gnn(dimension=4), Filter(kind="polynomial")):
    print(len(fit(candidate, graph, FitSettings(epochs=1, device="cpu", threads=1)).model.scores(np.arange(2))))
"""
    absent = "nni,dvc,prefect,wandb,great_expectations,ibis,duckdb,pyarrow,implicit,ruamel,altair"
    done = subprocess.run([sys.executable, "-c", script, absent], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "2\n2\n"), done.stderr
