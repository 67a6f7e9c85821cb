from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from searches import task, tastes

from recsmith.search import attempt, choose
from recsmith.search.encoding import Encoding
from recsmith.search.nas.multi_trial import search
from recsmith.search.progress import Progress
from recsmith.search.space import SearchSpace
from recsmith.search.store import Answer, Store
from recsmith.search.strategies import named
from recsmith.search.task import Task
from recsmith.search.tree import NUMBER, choice, sample

NAMES = named("nas")
QUICK = {"dimension": [8], "order": [2], "rank": [8], "negatives": [16]}
TREE = {
    "operator": choice(
        [
            {"_name": "none"},
            {"_name": "gcn", "dropout": choice([0.0, 0.2]), "layers": choice([1, 2])},
            {"_name": "sage", "dropout": choice([0.0, 0.2]), "layers": choice([1, 2, 3]), "heads": choice([1])},
        ]
    ),
    "residual": choice([False, True]),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tastes(tmp_path / "data")


def quiet(text: str) -> None:
    """Nobody listens."""


def described(data: Path, work: Path, **search: Any) -> Task:
    return task(data, work, **{"preset": "small", "space": QUICK, "trials": 12, **search})


def test_a_knob_of_equal_values_is_one_choice_wherever_it_stands() -> None:
    choices = Encoding(TREE).choices
    assert choices == {
        "operator": ["none", "gcn", "sage"],
        "dropout": [0.0, 0.2],
        "layers": [1, 2],
        "layers.2": [1, 2, 3],
        "residual": [False, True],
    }


def test_samples_that_differ_in_idle_choices_alone_are_one_proposal() -> None:
    encoding = Encoding(TREE)
    idle = {"operator": "none", "dropout": 0.2, "layers": 1, "layers.2": 3, "residual": True}
    assert encoding.decode(idle) == {"operator": {"_name": "none"}, "residual": True}
    assert encoding.decode({**idle, "operator": "sage"}) == {
        "operator": {"_name": "sage", "dropout": 0.2, "layers": 3, "heads": 1},
        "residual": True,
    }


def test_every_sample_is_a_proposal_of_the_space(data: Path, tmp_path: Path) -> None:
    space = SearchSpace(described(data, tmp_path / "work", space={"mixed_operators": True}).space)
    encoding, generator = Encoding(space.tree), np.random.default_rng(3)
    for _ in range(200):
        drawn = {label: values[int(generator.integers(len(values)))] for label, values in encoding.choices.items()}
        space.architecture(encoding.decode(drawn))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_trials_and_none_is_tried_twice(name: str, data: Path, tmp_path: Path) -> None:
    first = search(described(data, tmp_path / "one", strategy=name), quiet)
    second = search(described(data, tmp_path / "two", strategy=name), quiet)
    assert [one.parameters for one in first] == [one.parameters for one in second]
    assert [one.value for one in first] == [one.value for one in second]
    assert [one.number for one in first] == list(range(12))
    assert len({one.key for one in first}) == 12


@pytest.mark.parametrize("name", NAMES)
def test_a_search_that_was_interrupted_ends_where_an_undisturbed_one_would(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[str] = []
    inner = attempt._fitted

    def fit(described: Task, candidate: Any, key: str) -> Any:
        if len(fitted) == 5:
            raise KeyboardInterrupt
        fitted.append(key)
        return inner(described, candidate, key)

    whole = search(described(data, tmp_path / "whole", strategy=name), quiet)
    monkeypatch.setattr(attempt, "_fitted", fit)
    with pytest.raises(KeyboardInterrupt):
        search(described(data, tmp_path / "broken", strategy=name), quiet)
    monkeypatch.setattr(attempt, "_fitted", inner)
    again = search(described(data, tmp_path / "broken", strategy=name), quiet)
    assert [one.key for one in again] == [one.key for one in whole]
    assert [one.known for one in again] == [one.key in fitted for one in again]


@pytest.mark.parametrize("name", NAMES)
def test_a_small_space_is_used_up_and_no_more(name: str, data: Path, tmp_path: Path) -> None:
    space = {"filters": ["linear"], "left_exponent": [0.0, 0.5], "right_exponent": [0.0, 0.5]}
    small = described(data, tmp_path / "work", strategy=name, preset="filters", space=space, trials=50)
    assert len({one.key for one in search(small, quiet)}) == 4


def test_a_space_of_one_candidate_is_tried(data: Path, tmp_path: Path) -> None:
    space = {"filters": ["linear"], "left_exponent": [0.0], "right_exponent": [0.0]}
    one = described(data, tmp_path / "work", strategy="regularized_evolution", preset="filters", space=space)
    assert len(search(one, quiet)) == 1


def test_evolution_mutates_what_is_good(data: Path, tmp_path: Path) -> None:
    ours = described(data, tmp_path / "work", strategy="regularized_evolution", preset="filters", space={}, trials=24)
    answers = search(ours, quiet)
    encoding = Encoding(SearchSpace(ours.space).tree)
    parents = [one.parameters for one in answers[:6]]
    children = [one.parameters for one in answers[6:12]]
    shared = [max(_alike(child, parent) for parent in parents) for child in children]
    strangers = [max(_alike(one, parent) for parent in parents) for one in _drawn(encoding, 50)]
    assert np.mean(shared) > np.mean(strangers) + 0.15


def _alike(one: Any, other: Any) -> float:
    """The share of the knobs of two filters that are the same."""
    left, right = (dict(_leaves(value)) for value in (one, other))
    return float(np.mean([left.get(name) == right.get(name) for name in {*left, *right}]))


def _leaves(values: dict[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        found += _leaves(value) if isinstance(value, dict) else [(name, value)]
    return found


def _drawn(encoding: Encoding, number: int) -> list[dict[str, Any]]:
    generator = np.random.default_rng(11)
    return [sample(encoding.tree, generator) for _ in range(number)]


def test_the_live_table_shows_what_runs_now(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[int] = []
    monkeypatch.setattr(Progress, "running", lambda self, proposals: running.extend(one[NUMBER] for one in proposals))
    search(described(data, tmp_path / "work", strategy="regularized_evolution", trials=4), quiet)
    assert running == [0, 1, 2, 3]


def test_trials_and_their_files_say_the_same(data: Path, tmp_path: Path) -> None:
    ours = described(data, tmp_path / "work", strategy="policy")
    answers: list[Answer] = search(ours, quiet)
    rows = choose.candidates(ours, answers, [])
    assert [row.number for row in rows] == list(range(1, 13))
    for one, row in zip(answers, rows, strict=True):
        written = json.loads((Path(ours.folder) / "trials" / f"{one.key}.json").read_text())
        assert written["metrics"]["ndcg@20"] == one.value == row.value("ndcg@20")
    assert Store(Path(ours.folder)).load(answers[0].key) is not None
