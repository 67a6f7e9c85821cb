"""What a search costs beside its fits is counted from the same fits on both sides."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import search_overhead
from recsmith.files import read_json


def test_what_is_beyond_the_fits_is_shared_by_all_trials() -> None:
    inside = {"fits": [1.0, 2.0, 3.0, 2.0], "fits_cpu": [0.5, 1.0, 1.5, 1.0]}
    found = {"how": "as a process", "trials": 2, "seconds": 10.0, "cpu": 4.0, "driver_mb": 300.4}
    row = search_overhead._row(found, inside)
    assert (row["beyond_fit"], row["cpu_beyond_fit"], row["driver_mb"]) == (3.5, 1.25, 300)


@pytest.mark.slow
def test_both_drivers_are_measured_on_the_same_proposals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "overhead.json"
    words = ["search_overhead", "--trials", "3", "--processes", "2", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    search_overhead.main()
    found = read_json(out)
    assert [(row["how"], row["trials"]) for row in found["rows"]] == [("in process", 3), ("as a process", 2)]
    assert all(0 < row["beyond_fit"] < row["seconds"] for row in found["rows"])
    assert {"load_average", "machine", "commit"} <= set(found)
