"""A pruned network is the masked one in fewer numbers, and trains on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from planted_models import graph

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.export import export
from recsmith.compress.forms import made, models_of, named_forms
from recsmith.compress.histories import histories
from recsmith.compress.methods import Recipe
from recsmith.compress.origin import Origin
from recsmith.compress.slim.axes import PATTERNS, axes
from recsmith.compress.slim.cut import masked, sliced, smaller
from recsmith.compress.slim.layers import without
from recsmith.compress.slim.lists import by_lists
from recsmith.compress.slim.norms import by_norm
from recsmith.compress.slim.outputs import outputs
from recsmith.compress.slim.plan import plan
from recsmith.compress.slim.size import size
from recsmith.compress.slim.speedup import perceptron, shrunk
from recsmith.config.compress import Compress, Export, Prune, Slim
from recsmith.engine.fit import FitSettings, Fitted, fit
from recsmith.engine.network.gnn import Network
from recsmith.errors import UserError
from recsmith.model.gnn import Gnn
from recsmith.model.names import COMBINATIONS, OPERATORS

D = 8
SETTINGS = FitSettings(seed=5, device="cpu", threads=1, batch_size=64, epochs=1)
PRUNABLE = [name for name in OPERATORS if name != "conv1d"]
NETWORKS: dict[str, dict[str, Any]] = {
    **{name: {"operators": (name, name)} for name in PRUNABLE},
    **{f"{name}, heads": {"operators": (name, name), "heads": 2} for name in ("gat", "transformer")},
    **{f"{name}, edges": {"operators": (name,), "edge_dimension": 3} for name in ("sage", "gat", "gin", "transformer")},
    **{f"combined {name}": {"operators": ("gcn", "gat"), "combination": name} for name in COMBINATIONS},
    "residual": {"operators": ("gcn", "sage"), "residual": True, "activation": "elu"},
    "cosine": {"operators": ("gcn", "ngcf"), "head": "cosine", "activation": "leaky_relu"},
    "cell": {"operators": ("gcn", "gin", "sage"), "inputs": ((0,), (0, 1), (1, 2)), "activation": "relu"},
    "none": {"operators": ()},
}


def learnt(architecture: Gnn) -> dict[str, torch.Tensor]:
    """Weights as drawn, all of them away from zero."""
    torch.manual_seed(3)
    network = Network(architecture, graph().n_users + graph().n_items)
    return {name: value + 0.1 * torch.randn_like(value) for name, value in network.state_dict().items()}


def together(architecture: Gnn, weights: dict[str, torch.Tensor]) -> np.ndarray:
    """Scores of everybody."""
    made_by = outputs(architecture, weights, graph())
    return (made_by.user_vectors @ made_by.item_vectors.T).numpy()


@pytest.mark.parametrize("knobs", NETWORKS.values(), ids=NETWORKS)
def test_a_sliced_network_scores_as_the_masked_one(knobs: dict[str, Any]) -> None:
    architecture = Gnn(dimension=D, **knobs)
    weights = learnt(architecture)
    for unit in ("channels", "heads") if architecture.heads > 1 else ("channels",):
        kept = by_norm(weights, plan(architecture, unit, 0.5), "L2")
        small, left = smaller(architecture, kept), sliced(weights, kept, architecture)
        assert small.dimension == D // 2
        assert small.heads == (1 if unit == "heads" else architecture.heads)
        np.testing.assert_allclose(together(small, left), together(architecture, masked(weights, kept)), atol=1e-6)


def test_nni_cuts_the_hidden_units_of_a_perceptron_and_no_others() -> None:
    weights = {
        name.removeprefix("operators.0.mlp."): value
        for name, value in learnt(Gnn(dimension=D, operators=("gin",))).items()
        if name.startswith("operators.0.mlp.")
    }
    # Units that say nothing, that always say the same, and that nobody hears stay where the mask keeps them.
    weights["0.weight"][:2], weights["0.bias"][0], weights["2.weight"][:, 3] = 0, 0, 0
    stays = np.array([True, True, False, True, False, True, True, False])
    nodes, whole = torch.randn(20, D), perceptron(weights)
    mask = torch.from_numpy(stays).float()
    hidden = torch.relu(whole[0](nodes)) * mask
    small = shrunk(perceptron(weights), stays)
    assert [tuple(value.shape) for value in small.state_dict().values()] == [(5, D), (5,), (D, 5), (D,)]
    torch.testing.assert_close(small(nodes), whole[2](hidden), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["gcn", "gin", "transformer, heads", "combined attention", "combined gru"])
@pytest.mark.parametrize("pruner", ["Taylor", "Movement", "AGP"])
def test_pruners_that_learn_give_masks_that_slice_alike(pruner: str, name: str) -> None:
    architecture = Gnn(dimension=D, **NETWORKS[name])
    weights = learnt(architecture)
    for unit in ("channels", "heads") if architecture.heads > 1 else ("channels",):
        kept, trained = by_lists(weights, architecture, plan(architecture, unit, 0.5), pruner, untrained(architecture))
        small, left = smaller(architecture, kept), sliced(trained, kept, architecture)
        assert small.dimension == D // 2
        np.testing.assert_allclose(together(small, left), together(architecture, masked(trained, kept)), atol=1e-6)
        changed = any(not torch.equal(value, weights[name]) for name, value in trained.items())
        assert changed == (pruner != "Taylor")


def untrained(architecture: Gnn) -> Origin:
    """What a form is made from, with weights as drawn."""
    weights, params = learnt(architecture), Compress(prune=Prune(steps=4, rounds=2))
    fitted = Fitted(outputs(architecture, weights, graph()), architecture, 0, learnt=weights)
    exact = export(fitted.model, graph(), Export(), 7, 100)["exact"]
    return Origin(fitted, graph(), SETTINGS, exact, params, lambda text: None)


@pytest.mark.parametrize("pruner", ["L1", "L2", "FPGM"])
def test_the_weakest_channels_and_heads_go(pruner: str) -> None:
    architecture = Gnn(dimension=D, operators=("gat", "gat"), heads=2)
    weights = learnt(architecture)
    weak = np.array([1, 2, 4, 7])
    for name, value in weights.items():
        for axis, letter in enumerate(axes(name)):
            if letter == "C":
                shape = [D if place == axis else 1 for place in range(value.dim())]
                scale = np.where(np.isin(np.arange(D), weak), 1e-3, 1).astype(np.float32)
                weights[name] = value * torch.from_numpy(scale).view(shape)
    kept = by_norm(weights, plan(architecture, "channels", 0.5), pruner)
    assert np.array_equal(np.flatnonzero(~kept.channels), weak)
    weights["embeddings"][:, 4:] = 0
    # Two points are equally far from their median: FPGM has nothing to tell two heads apart by.
    kept = by_norm(weights, plan(architecture, "heads", 0.5), "L2" if pruner == "FPGM" else pruner)
    assert kept.channels.tolist() == [True] * 4 + [False] * 4


def test_every_weight_of_every_network_has_its_axes_named() -> None:
    for knobs in NETWORKS.values():
        for name, value in learnt(Gnn(dimension=D, **knobs)).items():
            assert len(axes(name).replace("A", "AA")) in (0, value.dim()), name
    assert len(PATTERNS) == len(dict(PATTERNS))
    with pytest.raises(UserError, match="unknown to pruning"):
        axes("elsewhere.weight")


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_a_network_without_a_layer_is_the_one_that_never_had_it(combination: str) -> None:
    architecture = Gnn(dimension=D, operators=("gcn", "none", "sage"), combination=combination)
    weights = learnt(architecture)
    small, left = without(architecture, weights, 2)
    assert small.operators == ("gcn", "sage")
    assert {name: value.shape for name, value in left.items()} == {
        name: value.shape for name, value in learnt(small).items()
    }
    if combination == "last":
        np.testing.assert_allclose(together(small, left), together(architecture, weights), atol=1e-6)


def origin(architecture: Gnn, params: Compress, said: list[str]) -> Origin:
    fitted = fit(architecture, graph(), SETTINGS)
    exact = export(fitted.model, graph(), Export(), 7, 100)["exact"]
    return Origin(fitted, graph(), SETTINGS, exact, params, said.append)


def test_a_slim_form_is_half_the_bytes_is_trained_on_and_repeats() -> None:
    architecture, said = Gnn(dimension=D, operators=("gcn", "gcn"), learning_rate=0.01), []
    params = Compress(forms=("slim",), slim=Slim(units=("channels", "layers"), epochs=1))
    given = origin(architecture, params, said)
    found = models_of(made(named_forms(params, architecture, print), given))
    assert list(found) == ["slim 50% of channels", "slim without layer 1", "slim without layer 2"]
    half = found["slim 50% of channels"]
    assert (half.rank, half.n_items) == (D // 2, given.exact.n_items)
    assert any("slim 50% of channels: parameters 1,344 -> 640, multiply-adds of a propagation" in text for text in said)
    again = models_of(made(named_forms(params, architecture, print), given))["slim 50% of channels"]
    everybody = histories(graph())
    assert np.array_equal(half.scores(everybody), again.scores(everybody))
    untrained = params.model_copy(update={"slim": params.slim.model_copy(update={"epochs": 0})})
    without_training = made(named_forms(untrained, architecture, print), replace(given, params=untrained))
    plain = models_of(without_training)["slim 50% of channels"]
    assert not np.array_equal(half.scores(everybody), plain.scores(everybody))
    small = Recipe(Knobs("int8"), "slim 50% of channels").apply(found, Calibration(everybody))
    assert small.model_bytes < half.model_bytes / 2


def test_fewer_channels_cost_less_than_in_proportion() -> None:
    architecture = Gnn(dimension=D, operators=("gcn", "gcn"))
    weights = learnt(architecture)
    kept = by_norm(weights, plan(architecture, "channels", 0.5), "L2")
    before = size(architecture, weights, graph())
    after = size(smaller(architecture, kept), sliced(weights, kept, architecture), graph())
    n_nodes, entries = graph().n_users + graph().n_items, 2 * graph().n_edges
    assert before.multiply_adds == 2 * (entries * D + n_nodes * D * D)
    assert after.multiply_adds == 2 * (entries * D // 2 + n_nodes * D * D // 4)


@pytest.mark.parametrize(
    ("architecture", "slim", "message"),
    [
        (Gnn(operators=("conv1d",)), Slim(), "Operator conv1d mixes neighbouring channels"),
        (
            Gnn(operators=("gcn",)),
            Slim(units=("heads",)),
            r"slim\.units: heads needs a network with gat or transformer",
        ),
        (Gnn(operators=("gcn",)), Slim(units=("layers",)), "at least 2 layers in a chain; this one has 1"),
        (Gnn(dimension=4), Slim(sparsity=(0.01,)), r"sparsity = 0.01 of 4 channels is none\. Take at least 0\.12"),
    ],
)
def test_what_cannot_be_pruned_is_refused_before_anything_is_trained(
    architecture: Gnn, slim: Slim, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        named_forms(Compress(forms=("slim",), slim=slim), architecture, print)


def test_weights_that_are_no_numbers_or_are_not_there_are_refused() -> None:
    architecture, params = Gnn(dimension=D, operators=("gcn",)), Compress(forms=("slim",), slim=Slim(epochs=0))
    given = origin(architecture, params, [])
    assert given.fitted.learnt is not None
    broken = {**given.fitted.learnt, "embeddings": given.fitted.learnt["embeddings"] * np.nan}
    for learnt_then, message in ((broken, "not finite"), (None, "weights of the network are not there")):
        with pytest.raises(UserError, match=message):
            made(
                named_forms(params, architecture, print),
                replace(given, fitted=replace(given.fitted, learnt=learnt_then)),
            )
