from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nni.common.hpo_utils import deformat_parameters, format_parameters, format_search_space

from recsmith.config.base import parse
from recsmith.config.search import Search, Space
from recsmith.errors import UserError
from recsmith.model import cell
from recsmith.model.architecture import Filter, Gnn, architecture
from recsmith.model.names import (
    COMBINATIONS,
    CONTRASTS,
    EDGE_READERS,
    HEADED,
    LOSSES,
    NEGATIVES,
    OPERATORS,
    OPTIMIZERS,
    SCHEDULES,
)
from recsmith.search.presets import PRESETS
from recsmith.search.space import SearchSpace, space_of
from recsmith.search.strategies.nested import Nested
from recsmith.search.tree import proposals

WHERE = "params.yaml: search"
MIXED: dict[str, Any] = {"preset": "gnn", "space": {"mixed_operators": True}}
EVERYTHING: dict[str, Any] = {
    "preset": "small",
    "space": {
        "operators": list(OPERATORS),
        "combination": list(COMBINATIONS),
        "residual": [False, True],
        "heads": [1, 2, 4],
        "edge_dimension": [0, 8],
        "target_exponent": [0.4, 0.5],
        "contrast": list(CONTRASTS),
        "contrast_layer": [1, 3],
        "loss": list(LOSSES),
        "sampling": list(NEGATIVES),
        "optimizer": list(OPTIMIZERS),
        "schedule": list(SCHEDULES),
        "propagate_every": [0, 1, 4],
        "head": ["dot", "cosine"],
        "structure": ["chain", "cell"],
    },
}
"""A space in which every choice stands somewhere."""
ALSO_MIXED = {**EVERYTHING, "space": {**EVERYTHING["space"], "mixed_operators": True}}
SPACES = {**{name: {"preset": name} for name in PRESETS}, "mixed": MIXED, "all": EVERYTHING, "all mixed": ALSO_MIXED}


def space(values: dict[str, Any]) -> SearchSpace:
    return space_of(parse(values, Search, WHERE), WHERE)


@pytest.mark.parametrize("values", SPACES.values(), ids=SPACES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_sample_is_an_architecture_and_survives_nni_s_json(values: dict[str, object], seed: int) -> None:
    ours = space(values)
    drawn = ours.sample(np.random.default_rng(seed))
    candidate = ours.architecture(drawn)
    assert ours.expresses(candidate)
    assert architecture(candidate.model_dump(mode="json")) == candidate
    tree = json.loads(json.dumps(ours.tree))
    inner: Any = {key: Nested(*spec) for key, spec in format_search_space(tree).items()}
    assert deformat_parameters(format_parameters(drawn, inner), inner) == drawn
    assert ours.architecture(json.loads(json.dumps(drawn))) == candidate


FEW = {"left_exponent": [0.2, 0.4], "right_exponent": [0.0, 0.3], "rank": [8, 16], "order": [4]}


@pytest.mark.parametrize("values", [{"preset": "filters", "space": FEW}, {"preset": "tiny"}], ids=["filters", "tiny"])
def test_the_size_is_the_number_of_proposals_and_no_two_mean_the_same(values: dict[str, Any]) -> None:
    ours = space(values)
    meant = [ours.architecture(proposal) for proposal in proposals(ours.tree)]
    assert len(meant) == ours.size == len(set(meant))


def test_the_same_seed_draws_the_same() -> None:
    ours = space({})
    first, second = (ours.sample(np.random.default_rng(11)) for _ in range(2))
    assert first == second


def test_presets_hold_the_families_that_they_name() -> None:
    families = {name: set(preset.families) for name, preset in PRESETS.items()}
    both = {name: {"gnn", "filter"} for name in ("small", "full", "tiny")}
    assert families == {**both, "gnn": {"gnn"}, "wsdm22": {"gnn"}, "filters": {"filter"}}
    for name in ("small", "gnn"):
        assert {"none", "lightgcn", "gcn", "sage", "gat"} <= set(PRESETS[name].operators)
        assert {"identity", "relu", "leaky_relu", "elu"} <= set(PRESETS[name].activation)
    assert set(PRESETS["gnn"].layers) == {1, 2, 3, 4}


def drawn(values: dict[str, Any], number: int) -> list[Gnn | Filter]:
    ours, generator = space(values), np.random.default_rng(4)
    return [ours.architecture(ours.sample(generator)) for _ in range(number)]


def test_every_knob_of_the_space_belongs_to_a_family_and_has_values_in_a_preset() -> None:
    knobs = set(Space.model_fields) - {"families", "mixed_operators"}
    assert {name for name in knobs if getattr(PRESETS["small"], name)} == knobs


@pytest.mark.parametrize("values", [EVERYTHING, ALSO_MIXED], ids=["shared", "mixed"])
def test_a_network_has_only_knobs_that_something_in_it_reads(values: dict[str, Any]) -> None:
    default, networks = Gnn(), [one for one in drawn(values, 600) if isinstance(one, Gnn)]
    turned: set[str] = set()
    for network in networks:
        operators = set(network.operators)
        changed = {name for name in Gnn.model_fields if getattr(network, name) != getattr(default, name)}
        turned |= changed
        assert "heads" not in changed or operators & set(HEADED)
        assert "edge_dimension" not in changed or operators & set(EDGE_READERS)
        assert "target_exponent" not in changed or operators & {"lightgcn", "gcn", "ngcf"}
        assert "propagate_every" not in changed or operators <= {"none", "lightgcn"}
        assert "propagate_every" not in changed or not {"contrast", "dropout", "head"} & changed
        assert network.combination != "concat" or network.contrast != "xsimgcl"
        assert "margin" not in changed or network.loss == "ccl"
        assert "negative_weight" not in changed or network.loss in ("ccl", "directau")
        assert "temperature" not in changed or network.loss.endswith("softmax")
        assert "sampling" not in changed or network.loss not in ("in_batch_softmax", "directau")
        assert "hard_pool" not in changed or network.sampling == "hard"
        assert "popularity_exponent" not in changed or network.sampling == "popularity"
        assert "log_q" not in changed or network.loss == "in_batch_softmax" or network.sampling != "uniform"
        assert "contrast" not in changed or operators - {"none"}
        assert network.contrast_layer <= max(len(network.operators), 1)
        assert network.inputs != cell.chain(len(network.operators)) or not network.inputs
    assert {
        "inputs",
        "heads",
        "edge_dimension",
        "margin",
        "hard_pool",
        "log_q",
        "contrast",
        "schedule",
        "head",
    } <= turned


def test_a_mixture_is_a_main_part_and_a_low_pass_that_share_their_exponents() -> None:
    mixtures = drawn({"preset": "filters", "space": {"filters": ["mixture"]}}, 60)
    assert {one.parts[0].kind for one in mixtures if isinstance(one, Filter)} == {"linear", "polynomial", "ridge"}
    for mixture in mixtures:
        assert isinstance(mixture, Filter)
        main, added = mixture.parts
        assert (added.kind, mixture.weights[0]) == ("low_pass", 1.0)
        assert added.rank in PRESETS["filters"].rank
        assert mixture.weights[1] in PRESETS["filters"].low_pass_weight
        if main.kind != "ridge":
            assert (main.left_exponent, main.right_exponent) == (added.left_exponent, added.right_exponent)


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
            f"params.yaml: search.space.operators[2] = 'lgcn' is unknown. Known: {', '.join(sorted(OPERATORS))}.",
        ),
        ({"preset": "big"}, "search.preset = 'big' is unknown. Known: filters, full, gnn, small, tiny, wsdm22."),
        ({"strategy": "Tpe"}, "params.yaml: search.strategy = 'Tpe' is unknown. Known: bohb, "),
        (
            {"space": {"filters": ["knn"]}},
            "search.space.filters[0] = 'knn' is unknown. Known: linear, low_pass, mixture, neighbours, ",
        ),
        ({"space": {"depth": [2]}}, "params.yaml: search.space.depth is unknown. Known: activation,"),
        ({"space": {"layers": [0]}}, "params.yaml: search.space.layers[0] = 0"),
        ({"trials": 0}, "params.yaml: search.trials = 0"),
        ({"metric": "auc@20"}, "params.yaml: search.metric = 'auc@20': a metric reads NAME@K"),
        ({"preset": "gnn", "space": {"l2": [1.0]}}, "params.yaml: search.space.l2 = [1.0] has no effect"),
        (
            {"preset": "gnn", "space": {"heads": [1, 3]}},
            "params.yaml: search.space.heads = [1, 3]: 3 does not divide 32, which is one of params.yaml: "
            "search.space.dimension.",
        ),
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


def test_a_mixture_is_expressed_where_its_parts_are() -> None:
    low, other = Filter(kind="low_pass", rank=77), Filter(kind="polynomial", order=3)
    mixture = Filter(kind="mixture", parts=(other, low), weights=(0.7, 0.3))
    assert space({"preset": "filters"}).expresses(mixture)
    assert not space({"preset": "filters", "space": {"mixtures": ["linear"]}}).expresses(mixture)
    assert not space({"preset": "filters", "space": {"filters": ["polynomial", "low_pass"]}}).expresses(mixture)
    assert not space({"preset": "filters"}).expresses(mixture.model_copy(update={"parts": (low, other)}))
