"""What the benchmark of winners reads off a finished line."""

from pathlib import Path

import pytest

from benchmarks import winners
from recsmith.files import write_json

PAIRED = {"difference": 0.01, "interval": [0.002, 0.018], "p": 0.01}


def model(ndcg: float) -> dict[str, object]:
    return {"architecture": "a model", "test": {"recall@20": 2 * ndcg, "ndcg@20": ndcg, "mrr@20": 0.5}, "note": None}


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """The files of a line whose largest baseline did not fit."""
    sized_out = {"architecture": "", "test": {}, "note": "needs too much memory"}
    models = {"als": model(0.09), "full": model(0.10), "ease": sized_out}
    paired = {"full": {"als": {"ndcg@20": PAIRED, "recall@20": PAIRED}}}
    for name in ("evaluate", "search"):
        (tmp_path / name).mkdir()
    write_json(tmp_path / "evaluate" / "metrics.json", {"users": 3, "models": models, "paired": paired})
    write_json(tmp_path / "search" / "best.json", {"valid": {"ndcg@20": 0.2}})
    write_json(tmp_path / "search" / "trust.json", {"choice": {"optimism": 0.0}})
    return tmp_path


def test_the_best_stands_first_and_the_others_with_how_far_it_is_above_them(line: Path) -> None:
    rows = winners._rows("some data", winners._read(line))
    assert rows[0] == ["some data", "full", 0.2, 0.1, "", "", "a model"]
    assert rows[1] == ["some data", "als", 0.18, 0.09, 0.01, "+0.0020 to +0.0180", "a model"]


def test_a_baseline_that_did_not_fit_is_left_out_with_its_reason(line: Path) -> None:
    found = winners._read(line)
    assert found["left_out"] == {"ease": "needs too much memory"}
    assert len(winners._rows("some data", found)) == 2
    assert found["valid"] == {"ndcg@20": 0.2}
