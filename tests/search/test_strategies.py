from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from recsmith.config import search as config
from recsmith.config.search import Search
from recsmith.files import digest
from recsmith.search.drive import DRIVERS
from recsmith.search.space import SearchSpace, space_of
from recsmith.search.store import Answer, Answers
from recsmith.search.strategies import STRATEGIES, make, named
from recsmith.search.strategies.base import Ordered, Settings
from recsmith.search.tree import FIDELITY, NUMBER, choice, flat, proposals

TUNERS = named("tuner")
QUICK = ("evolution", "hyperband", "pso", "tpe")
"""Learn within seconds."""
THOROUGH = ("bohb", "ppo", "reinforce")
PLANTED = {
    "operator": choice(
        [
            {"_name": "none"},
            {"_name": "gcn", "layers": choice([1, 2, 3, 4]), "dropout": choice([0.0, 0.1, 0.2])},
            {"_name": "sage", "layers": choice([1, 2, 3, 4]), "heads": choice([1, 2])},
        ]
    ),
    "loss": choice([{"_name": "bpr"}, {"_name": "softmax", "temperature": choice([0.1, 0.2, 0.5, 1.0])}]),
    "rate": choice([0.001, 0.003, 0.01, 0.03]),
    "decay": choice([0.0, 1e-4, 1e-3, 1e-2]),
}
"""1,680 proposals."""
WORTH: dict[str, dict[Any, float]] = {
    "operator": {"gcn": 0.2, "sage": 0.3},
    "layers": {2: 0.1, 3: 0.2, 4: 0.1},
    "loss": {"softmax": 0.2},
    "temperature": {0.2: 0.2, 0.5: 0.1},
    "rate": {0.003: 0.1, 0.01: 0.2, 0.03: 0.1},
    "decay": {1e-4: 0.05, 1e-3: 0.1},
}


def space(preset: str = "small") -> SearchSpace:
    return space_of(Search.model_validate({"preset": preset}))


def liking(proposal: dict[str, Any]) -> float:
    """What is planted: networks, small steps, the softmax loss, little decay."""
    family = proposal["family"]
    if family["_name"] == "filter":
        return 0.1
    good = (family["loss"]["_name"] == "sampled_softmax", family["learning_rate"] < 0.01, family["weight_decay"] < 1e-3)
    return 0.2 + 0.2 * sum(good)


def proposed(name: str, seed: int, trials: int = 12) -> list[dict[str, Any]]:
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


@pytest.mark.parametrize("name", TUNERS)
def test_the_same_seed_and_results_give_the_same_proposals(name: str) -> None:
    first = proposed(name, seed=7)
    assert first == proposed(name, seed=7)
    assert (first == proposed(name, seed=8)) == (name == "grid")
    assert [proposal[NUMBER] for proposal in first] == list(range(12))


@pytest.mark.parametrize("name", TUNERS)
def test_every_proposal_is_of_the_space_and_none_is_made_twice(name: str) -> None:
    made = proposed(name, seed=3)
    for proposal in made:
        space().architecture(proposal)
    assert len({digest({**proposal, NUMBER: 0}) for proposal in made}) == len(made)


@pytest.mark.parametrize("name", TUNERS)
def test_a_small_space_is_covered_and_then_there_is_no_more(name: str) -> None:
    few = {"filters": ["linear", "mixture", "ridge"], "left_exponent": [0.2, 0.4], "right_exponent": [0.3], "l2": [9.0]}
    few |= {"rank": [8], "mixtures": ["linear", "polynomial"], "order": [4], "flatness": [1.0, 2.0]}
    ours = space_of(Search.model_validate({"preset": "filters", "space": {**few, "recency": [0.0]}}))
    tuner = make(name, Settings(seed=1, trials=ours.size))
    tuner.update_search_space(ours.tree)
    made = []
    while proposal := tuner.generate_multiple_parameters([len(made)]):
        made += proposal
        tuner.receive_trial_result(len(made) - 1, made[-1], liking(made[-1]))
    whole = [one for one in made if FIDELITY not in one]
    assert len(whole) == ours.size
    assert set(map(ours.architecture, whole)) == set(map(ours.architecture, proposals(ours.tree)))


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in THOROUGH)])
def test_a_strategy_that_learns_finds_more_than_chance_for_the_same_budget(name: str) -> None:
    blind = [best("random", seed) for seed in range(24)]
    learnt = [best(name, seed) for seed in range(6)]
    assert sum(learnt) / len(learnt) > sum(blind) / len(blind)


def best(name: str, seed: int, budget: int = 40) -> float:
    """The most that a whole trial found, where trials of a part of the budget cost that part."""
    tuner = make(name, Settings(seed=seed, trials=budget))
    tuner.update_search_space(PLANTED)
    spent, found, number = 0.0, 0.0, 0
    while True:
        proposal = tuner.generate_parameters(number)
        spent += proposal.get(FIDELITY, 1.0)
        if spent > budget + 1e-9:
            return found
        value = planted(proposal)
        tuner.receive_trial_result(number, proposal, value)
        found, number = max(found, 0.0 if FIDELITY in proposal else value), number + 1


def planted(proposal: dict[str, Any]) -> float:
    """Separable: each choice adds its own; a part of the budget shows a part of it."""
    knobs = flat(proposal)
    gains = [WORTH.get(name, {}).get(value, 0.0) for name, value in knobs.items()]
    return sum(gains) * knobs.get(FIDELITY, 1.0) ** 0.5


@pytest.mark.parametrize("trials", [1, 7, 8, 26, 80])
def test_brackets_fit_twice_into_the_trials_and_end_with_whole_ones(trials: int) -> None:
    made = proposed("hyperband", seed=2, trials=max(trials, 4))[:trials]
    shares = [proposal.get(FIDELITY, 1.0) for proposal in made]
    assert shares[0] == pytest.approx(3.0 ** -{1: 0, 7: 0, 8: 1, 26: 2, 80: 3}[trials])
    assert 1.0 in shares


def test_only_the_best_of_a_rung_go_on() -> None:
    made = proposed("hyperband", seed=2, trials=26)[:13]
    rungs = {share: [one for one in made if one.get(FIDELITY, 1.0) == share] for share in (1 / 9, 1 / 3, 1.0)}
    assert [len(rung) for rung in rungs.values()] == [9, 3, 1]
    for low, high in ((1 / 9, 1 / 3), (1 / 3, 1.0)):
        values = sorted((liking(one) for one in rungs[low]), reverse=True)
        assert sorted((liking(one) for one in rungs[high]), reverse=True) == values[: len(rungs[high])]


def test_a_rung_whose_trials_still_run_keeps_no_parallel_trial_waiting() -> None:
    tuner = make("hyperband", Settings(seed=1, trials=26, concurrency=12))
    tuner.update_search_space(space().tree)
    assert len(tuner.generate_multiple_parameters(list(range(12)))) == 12


@pytest.mark.parametrize("name", ["reinforce", "ppo"])
def test_a_controller_writes_what_it_was_rewarded_for(name: str) -> None:
    tree = {
        "operator": choice([{"_name": "none"}, {"_name": "gcn", "layers": choice([1, 2, 3])}]),
        "head": choice("ab"),
    }
    policy: Any = make(name, Settings(seed=1, trials=40)).tuner
    policy.update_search_space(tree)
    good = {"operator": {"_name": "gcn", "layers": 2}, "head": "b"}
    before = math.exp(policy.controller.read([good]).logs.sum().item())
    assert before == pytest.approx(1 / 12, abs=0.01)
    for number in range(60):
        drawn = policy.generate_parameters(number)
        policy.receive_trial_result(number, drawn, float(sum(drawn[key] == good[key] for key in good)))
    assert math.exp(policy.controller.read([good]).logs.sum().item()) > 2 * before


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
