"""A space that is narrowed after a coarse round: to what did well, said with sizes, and never below that round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from searches import task, tastes

from recsmith.config.search import Search, Space
from recsmith.search.drive import search
from recsmith.search.refine import ROOM, narrowed, rounds
from recsmith.search.space import SearchSpace, space_of
from recsmith.search.store import Answer
from recsmith.search.task import Task
from recsmith.search.tree import NUMBER, flat, sample

GOOD = {"learning_rate": 0.02, "dimension": 128}


def value(knobs: dict[str, Any]) -> float:
    return 0.1 + 0.5 * (knobs["learning_rate"] == 0.02) + 0.3 * knobs["dimension"] / 128


def trials(space: SearchSpace, count: int) -> list[dict[str, Any]]:
    generator = np.random.default_rng(2)
    return [flat(sample(space.tree, generator)) for _ in range(count)]


def test_knobs_that_matter_keep_their_good_values_and_the_others_the_best_trials() -> None:
    space = space_of(Search.model_validate({"preset": "gnn", "space": {"operators": ["none"]}}))
    rows = trials(space, 60)
    values = [value(row) for row in rows]
    smaller = narrowed(space.knobs, rows, values)
    assert smaller.learning_rate == (0.02,)
    assert 128 in smaller.dimension
    assert 32 not in smaller.dimension
    assert SearchSpace(smaller).size < space.size / 10
    assert SearchSpace(smaller).size > 0
    kept = [field for field in Space.model_fields if getattr(smaller, field) != getattr(space.knobs, field)]
    assert all(set(getattr(smaller, field)) <= set(getattr(space.knobs, field)) for field in kept)


def test_the_space_keeps_room_for_the_trials_that_are_left_and_what_decides_most_is_narrowed_first() -> None:
    space = space_of(Search.model_validate({"preset": "gnn", "space": {"operators": ["none"]}}))
    rows = trials(space, 60)
    smaller = narrowed(space.knobs, rows, [value(row) for row in rows], fewest=space.size // 4)
    assert space.size // 4 <= SearchSpace(smaller).size < space.size
    assert smaller.learning_rate == (0.02,)
    assert narrowed(space.knobs, rows, [value(row) for row in rows], fewest=space.size) == space.knobs


def planted(described: Task) -> list[Answer]:
    """What a driver would answer: random candidates with planted values."""
    generator, space = np.random.default_rng(described.trials), SearchSpace(described.space)
    found = []
    for number in range(described.trials):
        proposal = sample(space.tree, generator)
        parameters = {name: one for name, one in proposal.items() if name != NUMBER}
        told = {"key": str(number), "known": False, "seconds": 0.0, "parameters": parameters}
        found.append(Answer(number=number, value=value(flat(proposal)), **told))
    return found


@pytest.fixture
def described(tmp_path: Path) -> Task:
    data = tastes(tmp_path / "data")
    space = {"operators": ["none"]}
    return task(data, tmp_path / "work", preset="gnn", strategy="random", trials=40, refine=0.5, space=space)


def test_both_rounds_are_numbered_through_and_the_sizes_are_said(described: Task) -> None:
    said: list[str] = []
    found = rounds(described, planted, said.append)
    assert [answer.number for answer in found] == list(range(len(found)))
    assert 20 < len(found) <= 40
    assert "narrowed from" in said[0]
    first, second = [answer.value for answer in found[:20]], [answer.value for answer in found[20:]]
    assert np.mean(second) > np.mean(first)
    assert max(second) >= max(first)


def test_too_few_finished_trials_leave_the_space_as_it_is(described: Task) -> None:
    said: list[str] = []
    few = described.model_copy(update={"trials": 12})
    assert len(rounds(few, planted, said.append)) == 12
    assert "too few" in said[0]


def test_a_space_with_no_room_to_spare_stays_as_it_is(described: Task) -> None:
    said: list[str] = []
    small = described.model_copy(update={"space": described.space.model_copy(update={"loss": ("bpr",)})})
    size = SearchSpace(small.space).size
    assert 40 < size < ROOM * 20, size
    assert len(rounds(small, planted, said.append)) == 40
    assert said == [f"a space of {size:,} candidates is too small to be narrowed for the trials that are left"]


def test_a_real_search_is_refined(tmp_path: Path) -> None:
    data, said = tastes(tmp_path / "data"), []
    described = task(data, tmp_path / "work", strategy="regularized_evolution", trials=16, refine=0.75, blend=1)
    found = search(described, tmp_path, said.append)
    assert [answer.number for answer in found] == list(range(len(found)))
    assert any("narrowed" in text or "too few" in text for text in said)


def test_both_rounds_share_one_budget_of_epochs(described: Task) -> None:
    given: list[Task] = []

    def run(one: Task) -> list[Answer]:
        given.append(one)
        return [answer.model_copy(update={"epochs": 5}) for answer in planted(one)]

    rounds(described.model_copy(update={"total_epochs": 130}), run, lambda text: None)
    assert [one.total_epochs for one in given] == [130, 30]
    given.clear()
    assert len(rounds(described.model_copy(update={"total_epochs": 100}), run, lambda text: None)) == 20
