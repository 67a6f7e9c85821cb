from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks import generated, growth, scale, scale_engine
from benchmarks.scale_stages import STAGES
from recsmith.config.base import Run
from recsmith.errors import UserError


def test_the_short_form_writes_a_row_for_each_stage_and_what_it_ran_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scale, "SHORT", "1e3,2e3")
    monkeypatch.setattr(sys, "argv", ["scale", "--short", "--last", "ingest", "--json", str(tmp_path / "scale.json")])
    scale.main()
    found = json.loads((tmp_path / "scale.json").read_text())
    assert {"machine", "versions", "commit", "rows", "exponents", "line", "run"} <= set(found)
    measured = [(row["size"], row["stage"]) for row in found["rows"]]
    assert measured == [(size, stage) for size in (1000, 2000) for stage in ("generate", "ingest")]
    assert all(row["seconds"] > 0 and row["peak_mb"] >= row["base_mb"] > 0 for row in found["rows"])
    assert set(found["exponents"]) == set(STAGES)
    assert set(found["exponents"]["ingest"]) == {"seconds", "memory"}
    assert "2e+03 MB" in capsys.readouterr().out


def test_every_stage_works_on_what_the_stages_before_it_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_engine, "STEPS", 2)
    found = {name: stage(tmp_path, 3000, Run(threads=1)) for name, stage in STAGES.items()}
    assert all(values["seconds"] > 0 for values in found.values())
    assert found["graph"]["users"] == found["ingest"]["users"] <= 3000 // generated.PER_USER
    assert found["validate"]["failed"] in ([], ["no_duplicates"])
    assert found["filter"]["users"] == found["ranking"]["users"] > 0
    assert found["sampled steps"]["nodes_in_view"] <= found["graph"]["users"] + found["graph"]["items"]


def test_ingest_to_graph_takes_the_sum_of_seconds_and_the_highest_peak() -> None:
    rows = [{"stage": stage, "size": 10, "seconds": 1.5, "peak_mb": n} for n, stage in enumerate(growth.LINE)]
    assert growth.line(rows) == [{"size": 10, "seconds": 6.0, "peak_mb": 3}]
    assert growth.line([*rows[:3], {"stage": "graph", "size": 10, "sized_out": "more than 16 GB"}]) == []


def test_what_does_not_fit_and_what_needs_it_are_sized_out_with_the_reason(tmp_path: Path) -> None:
    out: dict[str, str] = {}
    rows = [scale._one(stage, tmp_path, 2000, Run(), (1.0, 60.0), out) for stage in ("generate", "ingest")]
    assert "more than 0.000977 GB" in rows[0]["sized_out"]
    assert rows[1]["sized_out"] == "needs generate, which was sized out"


def test_a_stage_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Stage graph of 2,000 interactions failed: .*users\.parquet cannot be read"):
        scale.measure("graph", tmp_path, 2000, Run(), (8000.0, 60.0))


def test_the_exponent_is_the_slope_of_the_logarithms() -> None:
    sizes = [1e3, 1e4, 1e5]
    assert growth.exponent(sizes, [2 * size**1.5 for size in sizes]) == pytest.approx(1.5)
    assert growth.exponent([1e3], [1.0]) is None


@pytest.mark.parametrize("text", ["many", "1e3,", "10"])
def test_sizes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"--sizes .* due"):
        scale.sizes_of(text)


def test_generated_logs_follow_the_seed_and_their_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "CHUNK", 700)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generated.generate(tmp_path / name, 20_000, seed)
    tables = [pq.read_table(tmp_path / name) for name in "abc"]
    assert tables[0].equals(tables[1])
    assert not tables[0].equals(tables[2])
    items = np.unique(tables[0]["item_id"].to_numpy(), return_counts=True)[1]
    assert len(items) == 20_000 // generated.PER_ITEM
    # Of rank 1 of n: n^-(1 - exponent) of all.
    assert items.max() / 20_000 == pytest.approx(len(items) ** (generated.ITEM_EXPONENT - 1), rel=0.1)
