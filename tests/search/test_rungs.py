"""Successive halving around any strategy: who goes on, who is told, and that something is always finished."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from searches import task, tastes

from recsmith.config.search import Search
from recsmith.errors import UserError
from recsmith.files import digest
from recsmith.search import choose, drive
from recsmith.search.plain import search
from recsmith.search.space import space_of
from recsmith.search.strategies import make
from recsmith.search.strategies.base import Settings
from recsmith.search.tree import FIDELITY, flat, knobs_of

METRIC = "ndcg@20"
SHARES = (0.1, 0.4)
NETWORKS: dict[str, Any] = {"families": ["gnn"]}


def run(trials: int, value: Any, preset: str = "gnn", seed: int = 3) -> list[tuple[float, str, float]]:
    """Share, name and value of each trial of random candidates on rungs."""
    tuner = make("random", Settings(seed=seed, trials=trials, shares=SHARES, keep=3))
    tuner.update_search_space(space_of(Search.model_validate({"preset": preset})).tree)
    made = []
    for number in range(trials):
        for proposal in tuner.generate_multiple_parameters([number]):
            knobs = knobs_of(proposal)
            share = proposal.get(FIDELITY, 1.0)
            made.append((share, digest(knobs), value(flat(knobs), share)))
            tuner.receive_trial_result(number, proposal, made[-1][2])
    return made


def by_dimension(knobs: dict[str, Any], share: float) -> float:
    return share * (knobs.get("dimension", 0) + knobs.get("learning_rate", 0)) / 200


def test_one_of_three_goes_on_and_it_is_among_the_best() -> None:
    made = run(40, by_dimension)
    rungs = {share: [(name, value) for at, name, value in made if at == share] for share in (*SHARES, 1.0)}
    assert [len(found) // 3 <= len(more) for found, more in pairwise(rungs.values())] == [True, True]
    assert len(rungs[0.1]) > 20
    for low, high in ((0.1, 0.4), (0.4, 1.0)):
        ranked = [name for name, _ in sorted(rungs[low], key=lambda one: -one[1])]
        assert {name for name, _ in rungs[high]} <= set(ranked[: len(ranked) // 3 + 3])
    assert all(count == 1 for count in Counter((share, name) for share, name, _ in made).values())


def test_equal_seeds_and_values_give_equal_trials() -> None:
    assert run(20, by_dimension) == run(20, by_dimension)
    assert run(20, by_dimension) != run(20, by_dimension, seed=4)


@pytest.mark.parametrize("trials", [3, 4, 7])
def test_something_reaches_the_whole_budget_however_few_the_trials(trials: int) -> None:
    assert [share for share, _, _ in run(trials, by_dimension)][-1] == 1.0


def test_families_are_compared_apart() -> None:
    made = run(60, lambda knobs, share: 0.9 if knobs["family"] == "filter" else 0.1 * share, preset="small")
    seen: dict[str, set[float]] = {}
    for share, _, value in made:
        seen.setdefault("filter" if value == 0.9 else "gnn", set()).add(share)
    assert seen["gnn"] == seen["filter"] == {0.1, 0.4, 1.0}


def test_a_space_that_is_used_up_is_brought_to_the_whole_budget() -> None:
    space = {**NETWORKS, "operators": ["none"], "loss": ["bpr"], "learning_rate": [0.01, 0.02]}
    tree = space_of(Search.model_validate({"preset": "tiny", "space": space})).tree
    tuner = make("random", Settings(seed=1, trials=30, shares=(0.5,), keep=2))
    tuner.update_search_space(tree)
    shares = []
    for number in range(30):
        for proposal in tuner.generate_multiple_parameters([number]):
            shares.append(proposal.get(FIDELITY, 1.0))
            tuner.receive_trial_result(number, proposal, float(number))
    assert (
        shares.count(0.5)
        == shares.count(1.0)
        == space_of(Search.model_validate({"preset": "tiny", "space": space})).size
    )


def test_a_real_search_on_rungs_crowns_a_whole_trial(tmp_path: Path) -> None:
    data = tastes(tmp_path / "data")
    rungs = {"shares": [0.25], "keep": 2}
    described = task(data, tmp_path, strategy="random", trials=8, max_epochs=8, rungs=rungs, space=NETWORKS)
    rows = choose.candidates(described, search(described), [])
    assert {row.record.fidelity for row in rows} == {0.25, 1.0}
    assert choose.crown(rows, METRIC, 60, 40).record.fidelity == 1.0


@pytest.mark.parametrize(("strategy", "said"), [("hyperband", "cuts the budget itself"), ("enas", "whole budget")])
def test_strategies_that_cannot_take_rungs_are_refused_with_those_that_can(
    tmp_path: Path, strategy: str, said: str
) -> None:
    described = task(tastes(tmp_path / "data"), tmp_path, strategy=strategy, rungs={"shares": [0.5]}, space=NETWORKS)
    with pytest.raises(UserError, match=f"{said}.*random, tpe"):
        drive.search(described, tmp_path, lambda text: None)
