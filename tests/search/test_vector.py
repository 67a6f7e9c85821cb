from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsmith.config.search import Search
from recsmith.search.presets import PRESETS
from recsmith.search.space import SearchSpace, space_of
from recsmith.search.tree import choice, flat, validate
from recsmith.search.vector import NEUTRAL, decode, encode, neighbours

TREE = {
    "operator": choice(
        [{"_name": "none"}, {"_name": "gcn", "rate": choice([0.3, 0.1, 0.2])}, {"_name": "sage", "heads": choice([1])}]
    ),
    "residual": choice([False, True]),
}
SPACES: dict[str, dict[str, Any]] = {**{name: {} for name in PRESETS}, "mixed": {"mixed_operators": True}}


def space(name: str) -> SearchSpace:
    preset = name if name in PRESETS else "gnn"
    return space_of(Search.model_validate({"preset": preset, "space": SPACES[name]}))


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_proposal_comes_back_from_its_vector(name: str, seed: int) -> None:
    ours = space(name)
    drawn = ours.sample(np.random.default_rng(seed))
    vector = encode(ours.tree, drawn)
    assert vector.min() >= 0
    assert vector.max() <= 1
    assert decode(ours.tree, vector) == drawn


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_vector_is_a_proposal_of_the_space(name: str, seed: int) -> None:
    ours, generator = space(name), np.random.default_rng(seed)
    places = len(encode(ours.tree, ours.sample(generator)))
    ours.architecture(decode(ours.tree, generator.normal(0.5, 2.0, places)))


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_neighbour_is_another_proposal_of_the_space_that_differs_in_one_choice(name: str, seed: int) -> None:
    ours = space(name)
    drawn = ours.sample(np.random.default_rng(seed))
    before = flat(drawn)
    around = list(neighbours(ours.tree, drawn))
    assert around
    for proposal in around:
        validate(proposal, ours.tree)
        after = flat(proposal)
        changed = [key for key in before.keys() & after.keys() if after[key] != before[key]]
        opened = before.keys() ^ after.keys()
        assert changed
        assert len(changed) == 1 or opened
    assert len({str(flat(proposal)) for proposal in around}) == len(around)


def test_numbers_are_ordered_names_are_not_and_what_is_not_chosen_is_neutral() -> None:
    assert encode(TREE, {"operator": {"_name": "gcn", "rate": 0.3}, "residual": True}).tolist() == [0.5, 1.0, 1.0]
    assert encode(TREE, {"operator": {"_name": "gcn", "rate": 0.1}, "residual": False}).tolist() == [0.5, 0.0, 0.0]
    assert encode(TREE, {"operator": {"_name": "none"}, "residual": False}).tolist() == [0.0, NEUTRAL, 0.0]


def test_all_choices_of_a_small_tree_have_their_neighbours() -> None:
    around = list(neighbours(TREE, {"operator": {"_name": "none"}, "residual": False}))
    assert around == [
        {"operator": {"_name": "gcn", "rate": 0.3}, "residual": False},
        {"operator": {"_name": "sage", "heads": 1}, "residual": False},
        {"operator": {"_name": "none"}, "residual": True},
    ]
