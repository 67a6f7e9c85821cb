"""The benchmark of smaller models measures every form on valid and on test."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import students


def test_rows_hold_every_form_against_the_winner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").write_text("run: {threads: 1, device: cpu}\n", encoding="utf-8")
    out = tmp_path / "out.json"
    command = ["students", "--data", "demo", "--params", str(tmp_path / "params.yaml"), "--json", str(out)]
    monkeypatch.setattr(sys, "argv", [*command, "--epochs", "2", "--dimensions", "8"])
    students.main()
    rows = {row["form"]: row for row in json.loads(out.read_text(encoding="utf-8"))["rows"]}
    trained = ["smaller 8", "distilled 8 by rank", "distilled 8 by layers", "graph-free 8"]
    assert list(rows) == ["exact", "pruned to 8", "edges 70%", "edges 50%", *trained]
    assert all(set(students.COLUMNS) <= set(row) for row in rows.values())
    assert rows["exact"]["retained on valid"] == rows["exact"]["ratio"] == 1
    assert {rows[name]["bytes"] for name in trained} == {rows["pruned to 8"]["bytes"]}
    assert rows["smaller 8"]["ratio"] > 5
