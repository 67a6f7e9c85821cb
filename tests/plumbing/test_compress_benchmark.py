"""The benchmark of compression packs what it measures, and measures it where numpy is alone."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import compress, entropy
from benchmarks.common import ROOT
from recsmith.config.compress import Compress
from recsmith.serving.bundle import load
from recsmith.serving.model import Batch

TINY = {"family": "gnn", "operators": ["lightgcn"], "dimension": 8}


def measured(folder: Path, architecture: dict, monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    (folder / "tiny.json").write_text(json.dumps(architecture), encoding="utf-8")
    (folder / "params.yaml").write_text("train: {max_epochs: 2}\nrun: {threads: 1}\n", encoding="utf-8")
    ladder = Compress(export=compress.EXPORT, precision=("int8", "int4"), sparsity=(0.0, 0.5))
    monkeypatch.setattr(compress, "LADDER", ladder)
    out = folder / "out.json"
    command = ["compress", "--data", "demo", "--json", str(out), "--params", str(folder / "params.yaml")]
    monkeypatch.setattr(sys, "argv", [*command, f"tiny={folder / 'tiny.json'}"])
    compress.main()
    return json.loads(out.read_text(encoding="utf-8"))["rows"]


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    return measured(tmp_path, TINY, monkeypatch)


def test_filters_are_tried_with_entries_and_a_second_run_measures_no_recipe_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = measured(tmp_path, {"family": "filter", "kind": "ridge"}, monkeypatch)
    said = capsys.readouterr().out
    for recipe in ("both, float32, export", "sparse, pruned 50%, int8", "tied, int4", "low rank, pruned 50%, int4"):
        assert recipe in said
    assert "(known)" not in said
    again = measured(tmp_path, {"family": "filter", "kind": "ridge"}, monkeypatch)
    assert [row["method"] for row in again] == [row["method"] for row in first]
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ") and "  retained " in line]
    lines, chosen = ([row for row in rows if ("on all of valid" in row) == whole] for whole in (False, True))
    assert len(lines) == 4 + 3 * 4 + 2
    assert {row.split("of valid: ")[1].split(" ")[0] for row in chosen} & {"low", "tied", "tied,", "both", "both,"}
    assert all("(known)" in line for line in lines)


def test_rows_hold_what_is_asked_for_and_bundles_answer(rows: list[dict]) -> None:
    assert [row["mark"] for row in rows] == sorted({row["mark"] for row in rows})
    assert rows[0]["ratio"] == rows[0]["retained"] == 1
    for row in rows:
        assert set(compress.COLUMNS) <= set(row)
        assert row["ratio"] >= 0.98 * row["mark"]
        assert row["p50_ms"] <= row["p99_ms"]
        assert set(row["packages"]) <= {"benchmarks", "numkong", "numpy", "recsmith"}
        assert row["history_bytes"] > row["history_floor_bytes"] > 0
        bundle = load(row["bundle"])
        assert row["bytes"] == bundle.model.model_bytes
        assert (bundle.recommend([bundle.users[0]], 5).items >= 0).all()


def test_the_process_that_measures_refuses_every_other_package() -> None:
    code = "import sys; from benchmarks.alone import Refusing; sys.meta_path.insert(0, Refusing); import json, numpy, "
    for name, allowed in (("recsmith.serving.bundle", True), ("torch", False), ("scipy", False)):
        done = subprocess.run(
            [sys.executable, "-c", code + name], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert (done.returncode == 0) == allowed
        assert allowed or f"{name} is not allowed here" in done.stderr


def test_the_floor_of_histories_is_what_counting_says() -> None:
    batch = Batch(np.array([0, 2, 3]), np.array([0, 1, 0]))
    assert entropy.subsets(batch, 4) == pytest.approx((np.log2(6) + np.log2(4)) / 8)
    bits = 3 * (2 / 3 * np.log2(3 / 2) + 1 / 3 * np.log2(3)) - 1
    assert entropy.popular(batch, 4) == pytest.approx(bits / 8)
