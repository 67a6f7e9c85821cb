from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recsmith.config import search as config
from recsmith.config.search import Search
from recsmith.search.drive import DRIVERS
from recsmith.search.space import SearchSpace, space_of
from recsmith.search.store import Answer, Answers
from recsmith.search.strategies import STRATEGIES, make, named
from recsmith.search.strategies.base import Ordered, Settings
from recsmith.search.tree import NUMBER, proposals


def space(preset: str = "small") -> SearchSpace:
    return space_of(Search.model_validate({"preset": preset}))


def liking(proposal: dict[str, Any]) -> float:
    """What is planted: networks, small steps, the softmax loss, little decay."""
    family = proposal["family"]
    if family["_name"] == "filter":
        return 0.1
    good = (family["loss"]["_name"] == "sampled_softmax", family["learning_rate"] < 0.01, family["weight_decay"] < 1e-3)
    return 0.2 + 0.2 * sum(good)


def proposed(name: str, seed: int, trials: int = 25) -> list[dict[str, Any]]:
    tuner = make(name, Settings(seed=seed, trials=trials))
    tuner.update_search_space(space().tree)
    made = []
    for number in range(trials):
        made.append(tuner.generate_parameters(number))
        tuner.receive_trial_result(number, made[-1], liking(made[-1]))
    return made


def test_every_strategy_that_may_be_named_is_driven_by_someone() -> None:
    assert sorted(config.STRATEGIES) == sorted(STRATEGIES)
    assert set(DRIVERS) == {strategy.driver for strategy in STRATEGIES.values()}


@pytest.mark.parametrize("name", named("tuner"))
def test_the_same_seed_and_results_give_the_same_proposals(name: str) -> None:
    first = proposed(name, seed=7)
    assert first == proposed(name, seed=7)
    assert first != proposed(name, seed=8)
    assert [proposal[NUMBER] for proposal in first] == list(range(25))


@pytest.mark.parametrize("name", named("tuner"))
def test_every_proposal_is_of_the_space(name: str) -> None:
    for proposal in proposed(name, seed=3):
        space().architecture(proposal)


@pytest.mark.parametrize("name", ["tpe", "evolution"])
def test_a_tuner_that_learns_turns_to_what_was_good(name: str) -> None:
    later = [liking(proposal) for seed in range(4) for proposal in proposed(name, seed, trials=40)[20:]]
    blind = [liking(proposal) for seed in range(4) for proposal in proposed("random", seed, trials=40)[20:]]
    assert sum(later) / len(later) > sum(blind) / len(blind) + 0.05


@pytest.mark.parametrize("name", ["random", "tpe"])
def test_nothing_is_proposed_twice_and_a_small_space_is_covered(name: str) -> None:
    few = {"filters": ["linear", "mixture", "ridge"], "left_exponent": [0.2, 0.4], "right_exponent": [0.0, 0.3]}
    few |= {"rank": [8], "mixtures": ["linear", "polynomial"], "order": [4], "flatness": [1.0, 2.0]}
    ours = space_of(Search.model_validate({"preset": "filters", "space": few}))
    tuner = make(name, Settings(seed=1, trials=ours.size))
    tuner.update_search_space(ours.tree)
    made = []
    for number in range(ours.size):
        made.append(tuner.generate_parameters(number))
        tuner.receive_trial_result(number, made[-1], liking(made[-1]))
    meant = set(map(ours.architecture, made))
    assert meant == set(map(ours.architecture, proposals(ours.tree)))
    assert tuner.generate_multiple_parameters([ours.size]) == []


def test_evolution_leaves_the_shared_generator_alone() -> None:
    import random

    random.seed(5)
    before = random.getstate()
    proposed("evolution", seed=1, trials=6)
    assert random.getstate() == before


def told(tuner: Ordered) -> list[tuple[int, float]]:
    """Listen to what the tuner inside is told."""
    heard: list[tuple[int, float]] = []
    inner = tuner.tuner.receive_trial_result

    def listen(number: int, parameters: Any, value: float, **rest: Any) -> None:
        heard.append((number, value))
        inner(number, parameters, value, **rest)

    tuner.tuner.receive_trial_result = listen  # pyright: ignore[reportAttributeAccessIssue]
    return heard


def test_results_come_from_the_trials_files_in_the_order_of_the_proposals(tmp_path: Path) -> None:
    tuner = make("tpe", Settings(seed=1, trials=8, concurrency=2, answers=str(tmp_path)))
    tuner.update_search_space(space().tree)
    heard = told(tuner)
    tuner.generate_multiple_parameters([0, 1])
    # NNI's message may come before the other trial's file, or never.
    tuner.receive_trial_result(1, None, 0.9)
    assert heard == []
    for number, value in ((1, 0.5), (0, 0.25)):
        answer = Answer(number=number, key="k", known=False, value=value, seconds=1.0, parameters={})
        Answers(tmp_path).save(answer)
    tuner.generate_parameters(2)
    assert heard == [(0, 0.25), (1, 0.5)]


def test_a_trial_that_ended_without_an_answer_counts_as_nothing_found(tmp_path: Path) -> None:
    tuner = make("evolution", Settings(seed=1, trials=8, answers=str(tmp_path)))
    tuner.update_search_space(space().tree)
    heard = told(tuner)
    tuner.generate_parameters(0)
    tuner.trial_end(0, False)
    tuner.generate_parameters(1)
    assert heard == [(0, 0.0)]
