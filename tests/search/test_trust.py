"""The luck in the best of many is measured, on valid's users alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from searches import task, tastes

from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.rank.evaluate import evaluate_users
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.search import choose
from recsmith.search.plain import search
from recsmith.search.rescore import rescore
from recsmith.search.sample import drawn
from recsmith.search.store import Store
from recsmith.search.trust import amount, optimism, trust, words

METRIC = "ndcg@20"


def test_picking_the_best_of_equals_is_all_luck_and_optimism_finds_it() -> None:
    values = np.random.default_rng(0).random((40, 400))
    found = optimism(values, seed=1)
    # All means are .5 but for noise of .0144; of 40, the highest lies about 2.16 of that above.
    assert 0.015 < found["optimism"] < 0.05
    assert found["chosen_half"] - found["other_half"] > 0.02
    assert found["winner_first"] < 0.6
    assert abs(found["rank_correlation"]) < 0.25
    assert found["valid"] == pytest.approx(values.mean(1).max(), abs=1e-6)


def test_where_one_is_far_better_nothing_is_luck() -> None:
    values = np.random.default_rng(0).random((3, 400)) / 10 + np.array([[0.0], [0.4], [0.8]])
    found = optimism(values, seed=1)
    assert abs(found["optimism"]) < 0.001
    assert (found["winner_first"], found["rank_correlation"]) == (1.0, 1.0)
    assert found["chosen_half"] == pytest.approx(found["other_half"], abs=0.005)
    assert (found["candidates"], found["users"]) == (3, 400)
    assert optimism(values, seed=1) == found


def test_every_whole_trial_leaves_the_metric_of_the_same_drawn_users(tmp_path: Path) -> None:
    data = tastes(tmp_path / "data")
    described = task(data, tmp_path / "work", trials=6, valid_users=20)
    rows = rescore(described, choose.candidates(described, search(described), []), lambda text: None)
    graph, valid = Graph.load(data / "fit"), Relevant.load(data / "valid")
    users = drawn(valid, 20, described.budget.seed)
    for row in rows:
        left = Store(Path(described.folder)).per_user(row.record.key)
        assert left is not None
        assert left.shape == (20,)
        assert row.record.architecture is not None
        if row.record.architecture.family == "filter":
            model = fit(row.record.architecture, graph, FitSettings(threads=1, device="cpu")).model
            assert left == pytest.approx(evaluate_users(model, graph, users, [20], 500)[METRIC], abs=1e-6)
    found = trust(described, rows)
    assert found is not None
    assert (found["candidates"], found["users"]) == (len({row.record.key for row in rows}), 20)
    assert f"the best of {found['candidates']};" in words(METRIC, found)


def test_values_that_a_power_cut_tore_count_as_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save_per_user("k", np.array([0.5, 0.25]))
    assert store.per_user("k") == pytest.approx([0.5, 0.25])
    (tmp_path / "per_user/k.npy").write_bytes(b"\x93NUMPY")
    assert store.per_user("k") is None
    assert store.per_user("other") is None


def test_one_trial_is_nothing_to_choose_from(tmp_path: Path) -> None:
    described = task(tastes(tmp_path / "data"), tmp_path / "work", trials=1)
    assert trust(described, choose.candidates(described, search(described), [])) is None
    assert "cannot be told" in words(METRIC, None)


@pytest.mark.parametrize(
    ("value", "told"), [(0.0041, "about 0.0041"), (0.0, "none"), (0.00004, "none"), (-0.0012, "none")]
)
def test_luck_that_is_not_above_zero_is_told_as_none(value: float, told: str) -> None:
    assert amount(value) == told
    found = {"valid": 0.2, "candidates": 3, "winner_first": 0.5, "rank_correlation": 0.5, "optimism": value}
    assert f"{told} is the luck of picking the best of 3" in words(METRIC, found)
