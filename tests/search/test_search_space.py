from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nni.common.hpo_utils import deformat_parameters, format_parameters, format_search_space

from recsmith.config.base import parse
from recsmith.config.search import Search
from recsmith.errors import UserError
from recsmith.model.architecture import Filter, Gnn, architecture
from recsmith.search.presets import PRESETS
from recsmith.search.space import SearchSpace, proposals, space_of
from recsmith.search.tuners import Nested

WHERE = "params.yaml: search"
MIXED = {"preset": "gnn", "space": {"mixed_operators": True}}
SPACES = [*({"preset": name} for name in PRESETS), MIXED]


def space(values: dict[str, object]) -> SearchSpace:
    return space_of(parse(values, Search, WHERE), WHERE)


@pytest.mark.parametrize("values", SPACES, ids=str)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_sample_is_an_architecture_and_survives_nni_s_json(values: dict[str, object], seed: int) -> None:
    ours = space(values)
    drawn = ours.sample(np.random.default_rng(seed))
    candidate = ours.architecture(drawn)
    assert ours.expresses(candidate)
    assert architecture(candidate.model_dump(mode="json")) == candidate
    tree = json.loads(json.dumps(ours.tree))
    inner = {key: Nested(*spec) for key, spec in format_search_space(tree).items()}
    assert deformat_parameters(format_parameters(drawn, inner), inner) == drawn
    assert ours.architecture(json.loads(json.dumps(drawn))) == candidate


@pytest.mark.parametrize("preset", ["filters", "tiny"])
def test_the_size_is_the_number_of_proposals_and_no_two_mean_the_same(preset: str) -> None:
    ours = space({"preset": preset})
    meant = [ours.architecture(proposal) for proposal in proposals(ours.tree)]
    assert len(meant) == ours.size == len(set(meant))


def test_the_same_seed_draws_the_same() -> None:
    ours = space({})
    first, second = (ours.sample(np.random.default_rng(11)) for _ in range(2))
    assert first == second


def test_presets_hold_the_families_that_they_name() -> None:
    families = {name: set(preset.families) for name, preset in PRESETS.items()}
    assert families == {"small": {"gnn", "filter"}, "gnn": {"gnn"}, "filters": {"filter"}, "tiny": {"gnn", "filter"}}
    for name in ("small", "gnn"):
        assert {"none", "lightgcn", "gcn", "sage", "gat"} <= set(PRESETS[name].operators)
        assert {"identity", "relu", "leaky_relu", "elu"} <= set(PRESETS[name].activation)
    assert set(PRESETS["gnn"].layers) == {1, 2, 3, 4}


def test_overrides_replace_the_values_of_the_preset() -> None:
    ours = space({"preset": "gnn", "space": {"operators": ["sage"], "layers": [2], "dimension": [16]}})
    candidate = ours.architecture(ours.sample(np.random.default_rng(0)))
    assert isinstance(candidate, Gnn)
    assert (candidate.operators, candidate.dimension) == (("sage", "sage"), 16)


def test_layers_choose_their_own_operator_where_mixed() -> None:
    ours, generator = space(MIXED), np.random.default_rng(2)
    drawn = [ours.architecture(ours.sample(generator)) for _ in range(30)]
    assert any(isinstance(one, Gnn) and len(set(one.operators)) > 1 for one in drawn)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"space": {"operators": ["gcn", "sage", "lgcn"]}},
            "params.yaml: search.space.operators[2] = 'lgcn' is unknown. Known: gat, gcn, lightgcn, none, sage.",
        ),
        ({"preset": "big"}, "params.yaml: search.preset = 'big' is unknown. Known: filters, gnn, small, tiny."),
        ({"tuner": "Tpe"}, "params.yaml: search.tuner = 'Tpe' is unknown. Known: Evolution, Random, TPE."),
        (
            {"space": {"filters": ["knn"]}},
            "search.space.filters[0] = 'knn' is unknown. Known: linear, neighbours, ridge.",
        ),
        ({"space": {"depth": [2]}}, "params.yaml: search.space.depth is unknown. Known: activation,"),
        ({"space": {"layers": [0]}}, "params.yaml: search.space.layers[0] = 0"),
        ({"trials": 0}, "params.yaml: search.trials = 0"),
        ({"metric": "auc@20"}, "params.yaml: search.metric = 'auc@20': a metric reads NAME@K"),
        ({"preset": "gnn", "space": {"l2": [1.0]}}, "params.yaml: search.space.l2 = [1.0] has no effect"),
    ],
)
def test_what_cannot_be_is_refused_with_file_key_and_what_is_allowed(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        space(values)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("proposal", "message"),
    [
        (
            {"family": {"_name": "filter", "kind": {"_name": "ridge", "l2": 3}}},
            "proposal.family.filter.kind.ridge.l2 = 3",
        ),
        ({"family": {"_name": "filter", "kind": {"_name": "ridge"}}}, "l2 is missing"),
        ({"family": {"_name": "tree"}}, "proposal.family = 'tree' is unknown. Known: filter, gnn."),
        (
            {"family": {"_name": "filter", "kind": {"_name": "ridge", "l2": 100.0, "k": 1}}},
            "ridge.k is unknown. Known: l2.",
        ),
        ([], "is not a set of knobs"),
    ],
)
def test_a_proposal_that_is_not_of_the_space_is_named(proposal: object, message: str) -> None:
    with pytest.raises(UserError, match="proposal") as caught:
        space({}).architecture(proposal)
    assert message in str(caught.value)


def test_a_space_expresses_only_what_it_could_have_proposed() -> None:
    lightgcn, knn, ease = Gnn(), Filter(kind="neighbours"), Filter(kind="ridge", l2=77.0)
    assert [space({}).expresses(one) for one in (lightgcn, knn, ease, None)] == [True, True, True, False]
    assert [space({"preset": "gnn"}).expresses(one) for one in (lightgcn, knn)] == [True, False]
    assert [space({"preset": "filters"}).expresses(one) for one in (lightgcn, knn)] == [False, True]
    assert not space({"space": {"operators": ["gcn"]}}).expresses(lightgcn)
    assert not space({"space": {"dimension": [32]}}).expresses(lightgcn)
    assert not space({"space": {"filters": ["ridge"]}}).expresses(knn)
