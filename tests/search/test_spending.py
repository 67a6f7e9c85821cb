"""Budgets of a search beside the number of its trials."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from searches import task, tastes

from recsmith.search import choose, drive
from recsmith.search.plain import search
from recsmith.search.spending import Spending
from recsmith.search.store import Answer
from recsmith.search.task import Task

NETWORKS = {"families": ["gnn"]}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tastes(tmp_path / "data")


def networks(data: Path, work: Path, **search: object) -> Task:
    return task(data, work, strategy="random", trials=9, max_epochs=4, patience=9, space=NETWORKS, **search)


def answers(epochs: list[int]) -> list[Answer]:
    values = {"key": "k", "known": False, "value": 0.1, "seconds": 1.0, "parameters": {}}
    return [Answer(number=number, epochs=some, **values) for number, some in enumerate(epochs)]


@pytest.mark.parametrize(("epochs", "over"), [([4], False), ([4, 4], False), ([4, 4, 2], True), ([11], True)])
def test_epochs_of_all_trials_add_up_to_the_budget(data: Path, tmp_path: Path, epochs: list[int], over: bool) -> None:
    assert Spending(networks(data, tmp_path, total_epochs=10)).used_up(answers(epochs)) is over


def test_no_trial_begins_after_the_time_is_over(data: Path, tmp_path: Path) -> None:
    spending = Spending(networks(data, tmp_path, seconds=1000.0))
    assert not spending.used_up(answers([4]))
    spending.started -= 1001
    assert spending.used_up(answers([4]))


@pytest.mark.parametrize("strategy", ["random", "regularized_evolution"])
def test_a_search_ends_when_its_epochs_are_spent(data: Path, tmp_path: Path, strategy: str) -> None:
    described = networks(data, tmp_path, total_epochs=10).model_copy(update={"strategy": strategy})
    found = search(described) if strategy == "random" else drive.search(described, tmp_path, lambda text: None)
    assert [answer.epochs for answer in found] == [4, 4, 4]


@pytest.mark.slow
@pytest.mark.short
def test_a_search_of_processes_ends_when_its_epochs_are_spent(data: Path, tmp_path: Path) -> None:
    found = drive.search(networks(data, tmp_path, total_epochs=6), tmp_path / "work", lambda text: None)
    assert [answer.epochs for answer in found] == [4, 4]


def test_what_time_has_limited_is_marked_as_not_reproducible(data: Path, tmp_path: Path) -> None:
    for limit, expected in ((None, True), (60.0, False)):
        described = networks(data, tmp_path, seconds=limit, total_epochs=4)
        rows = choose.candidates(described, search(described), [])
        best = choose.crown(rows, "ndcg@20", 60, 40)
        assert json.loads(json.dumps(choose.best_values(described, best)))["reproducible"] is expected
