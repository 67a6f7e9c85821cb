from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from searches import task, tastes

from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.rank.evaluate import evaluate
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.search import attempt, choose
from recsmith.search.plain import search
from recsmith.search.rescore import rescore
from recsmith.search.sample import drawn
from recsmith.search.task import Task

METRIC = "ndcg@20"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tastes(tmp_path / "data")


def candidates(described: Task) -> list[choose.Candidate]:
    return choose.candidates(described, search(described), [])


def test_a_draw_keeps_the_pairs_of_so_many_users_and_nothing_of_others() -> None:
    pairs = from_pairs(np.array([0, 0, 1, 3, 3, 4]), np.array([5, 6, 1, 2, 99, 0]), 6, 10)
    some = drawn(pairs, 2, seed=1)
    assert len(some.users) == 2
    assert set(some.users) < set(pairs.users)
    for user in range(6):
        mine = slice(pairs.indptr[user], pairs.indptr[user + 1]), slice(some.indptr[user], some.indptr[user + 1])
        expected = list(pairs.indices[mine[0]]) if user in some.users else []
        assert list(some.indices[mine[1]]) == expected
        assert some.cold[user] == (pairs.cold[user] if user in some.users else 0)
    assert np.array_equal(drawn(pairs, 2, seed=1).users, some.users)
    assert any(not np.array_equal(drawn(pairs, 2, seed=seed).users, some.users) for seed in range(2, 9))
    assert drawn(pairs, 4, seed=1) is pairs


def test_filters_are_measured_on_so_many_users_and_the_best_of_them_on_all(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path, preset="filters", trials=7, valid_users=20, rescore=2)
    before, said = candidates(described), []
    assert {row.record.users for row in before} == {20}
    after = rescore(described, before, said.append)
    whole = [row for row in after if row.record.users is None]
    values = {row.number: row.value(METRIC) or 0.0 for row in before}
    assert sorted(row.number for row in whole) == sorted(sorted(values, key=lambda number: -values[number])[:2])
    assert len(said) == 2
    graph, valid = Graph.load(data / "fit"), Relevant.load(data / "valid")
    settings = FitSettings(threads=1, device="cpu")
    for row in whole:
        assert row.record.architecture is not None
        model = fit(row.record.architecture, graph, settings).model
        assert row.value(METRIC) == pytest.approx(evaluate(model, graph, valid, [20], 500)[METRIC], abs=1e-6)
    assert choose.crown(after, METRIC, 60, 40).number in {row.number for row in whole}


def test_networks_are_measured_on_all_users(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path, space={"families": ["gnn"]}, trials=1, valid_users=20)
    rows = candidates(described)
    assert [row.record.users for row in rows] == [None]
    assert rescore(described, rows, print) == rows


def test_where_valid_has_no_more_users_nothing_changes(data: Path, tmp_path: Path) -> None:
    few, many = (task(data, tmp_path / "work", preset="filters", valid_users=users) for users in (60, 3000))
    assert (few.budget.valid_users, few.folder) == (None, many.folder)
    rows = candidates(few)
    assert rescore(few, rows, print) == rows
    assert {row.record.users for row in rows} == {None}


def test_what_was_measured_on_all_users_is_found_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = task(data, tmp_path, preset="filters", trials=3, valid_users=20)
    rows = candidates(described)
    first = rescore(described, rows, lambda text: None)

    def refuse(*given: object) -> None:
        raise AssertionError("it was fitted again")

    monkeypatch.setattr(attempt, "_fitted", refuse)
    assert rescore(described, candidates(described), lambda text: None) == first
