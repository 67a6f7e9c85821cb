"""The benchmark of the index asks the bundles that it packed, in a process that has numpy alone."""

import sys
from pathlib import Path

import pytest

from benchmarks import index
from recsmith.files import read_json


def test_scan_and_lists_answer_the_same_people_and_are_weighed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "index.json"
    sizes = ["--items", "3000", "--people", "60", "--columns", "8", "--centres", "30", "--recall", "0.8"]
    monkeypatch.setattr(sys, "argv", ["index", *sizes, "--json", str(out)])
    index.main()
    exact, lists = read_json(out)["rows"]
    assert [row["kind"] for row in (exact, lists)] == ["exact", "ivf"]
    assert 0.7 < lists["recall@20"] <= 1 == exact["recall@20"]
    assert lists["probes"] < lists["lists"]
    assert exact["model_mb"] < lists["model_mb"] < 1
    for row in (exact, lists):
        assert 0 < row["p50_cpu_ms"] <= row["p99_cpu_ms"]
        assert row["resident_mb"] > 1
        assert set(row["packages"]) <= {"benchmarks", "numkong", "numpy", "recsmith"}
