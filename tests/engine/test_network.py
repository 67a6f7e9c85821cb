"""The network: layers, their combination, what training adds to them, where it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recsmith.engine.network.combine import combination
from recsmith.engine.network.gnn import INITIAL_SPREAD, Network, needed_bytes, network
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.spectral.spectrum import leading
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.gnn import Gnn
from recsmith.model.names import COMBINATIONS

USERS, ITEMS, D = 30, 20, 8
N = USERS + ITEMS


@pytest.fixture(scope="module")
def graph() -> Graph:
    keys = np.random.default_rng(1).choice((USERS - 1) * ITEMS, 150, replace=False)
    return from_edges(keys // ITEMS, keys % ITEMS, USERS, ITEMS)


def made(graph: Graph, **knobs: Any) -> Network:
    torch.manual_seed(3)
    return network(Gnn.model_validate({"operators": ("lightgcn", "lightgcn"), "dimension": D, **knobs}), graph).eval()


def tables(number: int = 3) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(N, D, generator=generator) for _ in range(number)]


def test_layers_are_the_input_and_the_output_of_each_operator(graph: Graph) -> None:
    net, adjacency = made(graph), Adjacency(graph)
    first, second, third = net.layers(adjacency)
    assert first is net.embeddings
    assert torch.equal(second, adjacency.symmetric @ first)
    assert torch.equal(third, adjacency.symmetric @ second)


def test_a_forward_pass_is_the_combination_of_its_layers(graph: Graph) -> None:
    net, adjacency = made(graph, combination="attention"), Adjacency(graph)
    assert torch.equal(net(adjacency), net.combine(net.layers(adjacency)))


def test_nodes_pick_rows_of_the_embeddings(graph: Graph) -> None:
    net, chosen = made(graph, operators=()), torch.tensor([4, 0, 31])
    assert torch.equal(net(Adjacency(graph), chosen), net.embeddings[chosen])


def test_each_layer_may_have_an_adjacency_of_its_own(graph: Graph) -> None:
    empty = from_edges(np.zeros(0, int), np.zeros(0, int), USERS, ITEMS)
    net, whole, none = made(graph), Adjacency(graph), Adjacency(empty)
    assert not net.layers([whole, none])[2].any()
    assert torch.equal(net.layers([whole, whole])[2], net.layers(whole)[2])
    with pytest.raises(ValueError, match="3 adjacencies for 2 layers"):
        net.layers([whole, whole, whole])


def test_a_residual_adds_the_input_of_each_layer(graph: Graph) -> None:
    net, adjacency = made(graph, residual=True), Adjacency(graph)
    first, second, _ = net.layers(adjacency)
    torch.testing.assert_close(second, first + adjacency.symmetric @ first)


def test_the_last_layer_has_no_activation_and_the_others_have(graph: Graph) -> None:
    _, second, third = made(graph, activation="relu").layers(Adjacency(graph))
    assert (second >= 0).all()
    plain = made(graph).layers(Adjacency(graph))
    assert torch.equal(second, plain[1].relu())
    assert torch.equal(third, Adjacency(graph).symmetric @ second)


def test_noise_has_its_length_and_keeps_the_orthant(graph: Graph) -> None:
    net, adjacency = made(graph, operators=("lightgcn",)), Adjacency(graph)
    plain, noisy = net.layers(adjacency)[1], net.layers(adjacency, noise=0.1)[1]
    heard = plain.abs().sum(1) > 0
    torch.testing.assert_close((noisy - plain).norm(dim=1)[heard], torch.full((int(heard.sum()),), 0.1))
    assert torch.equal(noisy.sign(), plain.sign())
    assert not torch.equal(noisy, net.layers(adjacency, noise=0.1)[1])


@pytest.mark.parametrize("knob", ["dropout", "edge_dropout"])
def test_what_is_dropped_is_drawn_anew_in_each_step_of_training_and_never_after_it(knob: str, graph: Graph) -> None:
    net, adjacency = made(graph, **{knob: 0.5}), Adjacency(graph)
    assert torch.equal(net(adjacency), made(graph)(adjacency))
    net.train()
    assert not torch.equal(net(adjacency), net(adjacency))


def test_one_draw_of_edges_serves_all_layers(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = []
    dropped = Adjacency.dropped
    monkeypatch.setattr(Adjacency, "dropped", lambda self, rate: draws.append(rate) or dropped(self, rate))
    net = made(graph, edge_dropout=0.3).train()
    net(Adjacency(graph))
    assert draws == [0.3]


@pytest.mark.parametrize("name", COMBINATIONS)
@pytest.mark.parametrize("number", [1, 3])
def test_gradients_of_a_combination_are_those_of_finite_differences(name: str, number: int) -> None:
    torch.manual_seed(1)
    combine = combination(name, D, number).double()
    layers = [table[:5].double().requires_grad_() for table in tables(number)]
    weights = tuple(combine.parameters())
    assert torch.autograd.gradcheck(lambda *given: combine(list(given[:number])), (*layers, *weights))


def test_last_mean_and_concat_are_what_they_say() -> None:
    layers = tables()
    assert torch.equal(combination("last", D, 3)(layers), layers[2])
    torch.testing.assert_close(combination("mean", D, 3)(layers), sum(layers) / 3)
    assert torch.equal(combination("concat", D, 3)(layers), torch.cat(layers, 1))


def test_learned_weights_start_as_the_mean_and_always_sum_to_one() -> None:
    layers, combine = tables(), combination("learned", D, 3)
    torch.testing.assert_close(combine(layers), sum(layers) / 3)
    with torch.no_grad():
        combine.get_parameter("logits").copy_(torch.tensor([1.0, -2.0, 3.0]))
    torch.testing.assert_close(combine([torch.ones(4, D)] * 3), torch.ones(4, D))
    weights = torch.tensor([1.0, -2.0, 3.0]).softmax(0)
    torch.testing.assert_close(combine(layers), torch.einsum("l,lnd->nd", weights, torch.stack(layers)))


def test_attention_weighs_the_layers_of_each_node_by_themselves() -> None:
    layers, combine = tables(), combination("attention", D, 3)
    stacked = torch.stack(layers)
    scores = combine.get_submodule("query")(torch.tanh(combine.get_submodule("hidden")(stacked)))
    torch.testing.assert_close(combine(layers), (scores.softmax(0) * stacked).sum(0))
    changed = [layer.clone() for layer in layers]
    changed[1][7] += 1
    differs = (combine(changed) != combine(layers)).any(1)
    assert differs.nonzero().tolist() == [[7]]


def test_gru_is_the_last_state_of_torchs_own() -> None:
    layers, combine = tables(), combination("gru", D, 3)
    reference = torch.nn.GRU(D, D)
    for name, weights in combine.get_submodule("cell").named_parameters():
        reference.get_parameter(f"{name}_l0").data.copy_(weights.data)
    torch.testing.assert_close(combine(layers), reference(torch.stack(layers))[1][0])


def test_a_cosine_head_gives_vectors_of_length_one(graph: Graph) -> None:
    lengths = made(graph, head="cosine")(Adjacency(graph)).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(N))


def test_a_spectral_start_scores_as_the_low_rank_graph_and_has_the_spread_of_a_random_one(graph: Graph) -> None:
    start = made(graph, start="spectral").embeddings.detach()
    found = leading(graph, D)
    low_rank = found.left * found.values @ found.right.T
    scores = start[:USERS] @ start[USERS:].T
    torch.testing.assert_close(scores / scores.norm(), low_rank / low_rank.norm(), atol=1e-5, rtol=1e-4)
    assert start.square().mean().sqrt().item() == pytest.approx(INITIAL_SPREAD, rel=1e-4)


def test_a_dimension_above_the_rank_is_filled_up_with_random_columns() -> None:
    items = np.arange(ITEMS)
    small = from_edges(items % 3, items, 3, ITEMS)
    start = made(small, start="spectral", dimension=16).embeddings.detach()
    assert start.shape == (3 + ITEMS, 16)
    assert torch.isfinite(start).all()
    assert (start[:, 3:].std(0) > 0.3 * INITIAL_SPREAD).all()
    other = network(Gnn(start="spectral", dimension=16), small).embeddings
    assert torch.equal(start[:, :3], other[:, :3])
    assert not torch.equal(start[:, 3:], other[:, 3:])


def test_the_spectrum_is_kept_in_the_folder_that_was_given(tmp_path: Path) -> None:
    unseen = from_edges(np.arange(7), np.arange(7) % 5, 7, 5)
    network(Gnn(start="spectral", dimension=D), unseen, tmp_path)
    assert list(tmp_path.iterdir())


def test_a_network_knows_the_events_of_its_graph() -> None:
    events = from_edges(np.array([0, 1]), np.array([0, 1]), 2, 2, event=np.array([0, 2]), events=("a", "b", "c"))
    net = made(events, operators=("rgcn", "gat"), edge_dimension=2)
    assert torch.isfinite(net(Adjacency(events))).all()


def test_half_precision_reaches_the_embeddings(graph: Graph) -> None:
    net, adjacency = made(graph, operators=("gcn", "gat"), combination="gru").train(), Adjacency(graph)
    with torch.autocast("cpu", torch.bfloat16):
        net(adjacency).float().square().mean().backward()
    assert net.embeddings.grad is not None
    assert torch.isfinite(net.embeddings.grad).all()


@pytest.mark.parametrize(
    "knob",
    [
        {"operators": ("lightgcn",) * 4},
        {"operators": ("transformer",) * 2},
        {"operators": ("gat",) * 2, "heads": 4},
        {"operators": ("gat",) * 2, "edge_dimension": 4},
        {"edge_dropout": 0.1},
        {"dropout": 0.1},
        {"combination": "attention"},
        {"combination": "gru"},
        {"residual": True},
    ],
)
def test_what_needs_more_memory_is_estimated_to_need_more(knob: dict[str, Any]) -> None:
    def estimate(**knobs: Any) -> int:
        return needed_bytes(Gnn.model_validate({"operators": ("lightgcn",) * 2, **knobs}), 1000, 20_000, 256)

    plain = {"operators": ("gat",) * 2} if "heads" in knob or "edge_dimension" in knob else {}
    assert estimate(**knob) > estimate(**plain)
