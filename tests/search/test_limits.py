"""What a candidate may weigh and cost where it serves: said before it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from searches import task, tastes

from recsmith.config.search import Limits
from recsmith.errors import SizedOut
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Blend, Filter, Gnn
from recsmith.search import blending, choose, limits
from recsmith.search.attempt import tried
from recsmith.search.plain import search
from recsmith.search.served import form

SMALL, LARGE = Gnn(operators=("lightgcn",), dimension=4), Gnn(operators=("lightgcn",), dimension=64)
ITEMS = 40
BYTES_OF_SMALL = 4 * ITEMS * (4 + 1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tastes(tmp_path / "data")


@pytest.mark.parametrize(
    ("allowed", "key"),
    [({"bytes": BYTES_OF_SMALL}, "bytes"), ({"cost": ITEMS * 4}, "cost"), ({"latency_ms": 1.0}, "latency_ms")],
)
def test_what_is_over_a_limit_is_refused_with_its_key_and_what_is_within_is_not(
    data: Path, allowed: dict[str, Any], key: str
) -> None:
    graph, given = Graph.load(data / "fit"), Limits(**allowed)
    limits.check(SMALL, graph, given, rate=ITEMS * 4.0)
    with pytest.raises(SizedOut, match=f"search.limits.{key}"):
        limits.check(LARGE, graph, given, rate=ITEMS * 4.0)


def test_hopeless_candidates_are_never_trained_and_say_why(data: Path, tmp_path: Path) -> None:
    space = {"families": ["gnn"], "dimension": [4, 64]}
    described = task(data, tmp_path, strategy="random", trials=8, space=space, limits={"bytes": BYTES_OF_SMALL * 3})
    rows = choose.candidates(described, search(described), [])
    told = {row.record.status for row in rows}
    assert told == {"done", "sized_out"}
    out = [row.record for row in rows if row.record.status == "sized_out"]
    assert all("it was not trained" in (record.error or "") for record in out)
    assert all(record.trained == 0 for record in out)
    again = task(data, tmp_path, strategy="random", trials=8, space=space)
    rows = choose.candidates(again, search(again), [])
    assert {row.record.status for row in rows} == {"done"}


def test_a_blend_over_the_limit_is_not_made(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blending, "GAIN", 0.0)
    parts = [SMALL.model_copy(update={"learning_rate": 0.05}), Filter(kind="neighbours", neighbours=5)]
    described = task(data, tmp_path, max_epochs=6)
    rows = [
        choose.Candidate(number, tried(described, one, described.key(one))[0])
        for number, one in enumerate(parts, start=1)
    ]
    largest = max(form(one, ITEMS).bytes(ITEMS) for one in parts)
    tight = described.model_copy(update={"limits": Limits(bytes=largest)})
    assert blending.blend(tight, rows, lambda text: None) == rows
    free = blending.blend(described, rows, lambda text: None)
    assert isinstance(free[-1].record.architecture, Blend)


def test_the_speed_of_a_machine_is_a_number_of_its_products() -> None:
    assert 1e3 < limits.multiply_adds_a_ms() < 1e9
