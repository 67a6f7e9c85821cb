from __future__ import annotations

from typing import Any

import pytest

from recsmith.config.search import Search
from recsmith.files import digest
from recsmith.model.architecture import Filter, Gnn
from recsmith.search.climb import Climb, steps
from recsmith.search.published import nearest, published
from recsmith.search.space import SearchSpace, space_of
from recsmith.search.strategies.tpe import Tpe
from recsmith.search.tree import NUMBER, flat


def space(preset: str = "filters", **values: Any) -> SearchSpace:
    return space_of(Search.model_validate({"preset": preset, "space": values}))


def planted(proposal: dict[str, Any]) -> float:
    """Smooth in every knob, highest at a mixture with exponents of .25 and .45, rank 128 and weight .1."""
    knobs = flat(proposal)
    if knobs["kind"] != "mixture":
        return 0.1
    distance = abs(knobs["left_exponent"] - 0.25) + abs(knobs["right_exponent"] - 0.45)
    return 0.9 - distance - abs(knobs["low_pass_weight"] - 0.1) - abs(knobs["rank"] - 128) / 2000


def climbed(ours: SearchSpace, trials: int) -> list[dict[str, Any]]:
    order, made = Climb(ours.tree, Tpe(seed=7, trials=trials)), []
    while len(made) < trials and (proposal := order.ask()) is not None:
        made.append(proposal)
        order.tell(proposal, planted(proposal))
    return made


@pytest.mark.parametrize("preset", ["small", "gnn", "filters", "tiny"])
def test_what_was_published_is_of_the_space_and_comes_first(preset: str) -> None:
    ours = space(preset)
    first = published(ours.tree)
    candidates = [ours.architecture(proposal) for proposal in first]
    assert len(candidates) == len(set(candidates)) > 0
    order = Climb(ours.tree, Tpe(seed=7, trials=20))
    for number, proposal in enumerate(first):
        asked = order.ask()
        assert asked is not None
        assert asked == {**proposal, NUMBER: number}
        order.tell(asked, 0.0)
    assert any(isinstance(one, Gnn) for one in candidates) == (preset != "filters")


def test_chebycf_and_the_linear_filter_are_in_the_space_as_published() -> None:
    candidates = [space().architecture(proposal) for proposal in published(space().tree)]
    exponents: Any = {"left_exponent": 0.415, "right_exponent": 0.415}
    parts = (
        Filter(kind="polynomial", order=8, flatness=1.5, **exponents),
        Filter(kind="low_pass", rank=512, **exponents),
    )
    assert Filter(kind="mixture", parts=parts, weights=(1.0, 0.2)) in candidates
    assert Filter(kind="linear", left_exponent=0.35, right_exponent=0.35) in candidates


def test_a_setting_whose_kind_the_space_lacks_is_left_out() -> None:
    ours = space(filters=["ridge"], l2=[90.0, 700.0])
    kind = {"_name": "ridge", "l2": 700.0}
    fading = {"_name": "filter", "kind": {"_name": "ridge", "l2": 90.0}, "recency": 0.75}
    assert published(ours.tree) == [{"family": fading}, {"family": {"_name": "filter", "kind": kind, "recency": 0.0}}]
    assert nearest(ours.tree, {"family": "filter", "kind": "linear"}) is None


def test_a_step_moves_one_number_to_its_neighbour() -> None:
    ours = space(filters=["mixture"], mixtures=["polynomial"])
    start = published(ours.tree)[0]
    before, around = flat(start), list(steps(ours.tree, start))
    for proposal in around:
        after = flat(proposal)
        moved = [name for name in before if after[name] != before[name]]
        assert len(moved) == 1
        values = sorted(getattr(ours.knobs, moved[0]))
        assert abs(values.index(after[moved[0]]) - values.index(before[moved[0]])) == 1
        ours.architecture(proposal)
    names = ("order", "flatness", "low_pass_weight", "left_exponent", "right_exponent", "rank", "recency")
    ends = sum(before[name] in (min(getattr(ours.knobs, name)), max(getattr(ours.knobs, name))) for name in names)
    assert len(around) == 2 * len(names) - ends


def test_uphill_the_best_of_a_smooth_space_is_found_in_few_trials() -> None:
    ours = space(filters=["mixture", "linear"], mixtures=["linear"], rank=[64, 128, 256, 512])
    made = climbed(ours, 40)
    best = flat(max(made, key=planted))
    assert (best["left_exponent"], best["right_exponent"]) == (0.25, 0.45)
    assert (best["low_pass_weight"], best["rank"]) == (0.1, 128)


def test_nothing_is_proposed_twice_and_a_small_space_is_used_up() -> None:
    ours = space(filters=["linear", "ridge"], left_exponent=[0.1, 0.3], right_exponent=[0.2, 0.4], l2=[10.0, 90.0])
    made = climbed(ours, 99)
    plain = [digest({name: value for name, value in one.items() if name != NUMBER}) for one in made]
    assert len(plain) == len(set(plain)) == ours.size
    assert [one[NUMBER] for one in made] == list(range(ours.size))
    assert made == climbed(ours, 99)
