"""Ways to the gradients of a step: parts of a batch, shared propagation, sampled views, 16 bits, too little memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from fitting import ITEMS, SETTINGS, SMALL, USERS, small_graph, small_valid, tables

from recsmith.engine.batch.sampling import Batch, Sampler
from recsmith.engine.batch.views import FullGraph
from recsmith.engine.fit import fit
from recsmith.engine.network.gnn import Network
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.train.decoupled import Window
from recsmith.engine.train.objective import Objective
from recsmith.engine.train.steps import Parts, Propagated, Whole
from recsmith.engine.train.team import Team
from recsmith.errors import UserError
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Gnn

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def graph() -> Graph:
    return small_graph()


def pieces(architecture: Gnn, graph: Graph, number: int) -> tuple[Parts, Adjacency, list[Batch]]:
    torch.manual_seed(1)
    adjacency = Adjacency(graph)
    objective = Objective(architecture, Network(architecture, adjacency.n_nodes), graph)
    batches = list(Sampler(graph, architecture, 70, 3, CPU).epoch())
    return Parts(objective, FullGraph(adjacency), number, "float32", CPU), adjacency, batches


@pytest.mark.parametrize("loss", ["bpr", "sampled_softmax", "bce", "ccl"])
@pytest.mark.parametrize("number", [2, 3, 200])
def test_the_gradients_of_parts_add_up_to_those_of_the_batch(loss: str, number: int, graph: Graph) -> None:
    architecture = SMALL.model_copy(update={"loss": loss, "negatives": 4, "combination": "attention"})
    found = []
    for parts in (1, number):
        made, adjacency, batches = pieces(architecture, graph, parts)
        way = Whole(made, Team()) if parts == 1 else Propagated(made, adjacency)
        value = way(batches[0], last=False)
        found.append([value, *(weights.grad for weights in made.objective.parameters())])
    for whole, cut in zip(*found, strict=True):
        torch.testing.assert_close(cut, whole, rtol=0, atol=1e-6)


def test_the_graph_is_propagated_once_for_all_parts(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    made, adjacency, batches = pieces(SMALL, graph, 5)
    passes: list[int] = []
    layers = Network.layers
    monkeypatch.setattr(Network, "layers", lambda self, *given: passes.append(1) or layers(self, *given))
    Propagated(made, adjacency)(batches[0], last=False)
    assert len(passes) == 1


@pytest.mark.parametrize("change", [{"loss": "directau"}, {"loss": "in_batch_softmax"}, {"contrast": "simgcl"}])
def test_losses_over_whole_batches_are_not_cut(change: dict[str, str], graph: Graph) -> None:
    (knob,) = change
    with pytest.raises(UserError, match=rf"accumulate = 2 needs a loss.*{knob} = '{change[knob]}'"):
        fit(SMALL.model_copy(update=change), graph, replace(SETTINGS, accumulate=2, epochs=1))


def window(architecture: Gnn, graph: Graph, every: int) -> tuple[Window, list[Batch]]:
    made, adjacency, batches = pieces(architecture, graph, 1)
    return Window(made, adjacency, graph, every), batches


def dense(architecture: Gnn, graph: Graph) -> tuple[torch.Tensor, torch.Tensor]:
    """``P`` and ``P_0`` of the mean over the layers (N, N)."""
    matrix = torch.zeros(USERS + ITEMS, USERS + ITEMS)
    matrix[:USERS, USERS:] = torch.from_numpy(graph.binary.toarray())
    matrix = matrix + matrix.T
    scale = matrix.sum(1).clamp(min=1) ** -0.5
    matrix = scale[:, None] * matrix * scale
    one = torch.eye(USERS + ITEMS)
    return (one + matrix + matrix @ matrix) / 3, one / 3


def test_steps_of_a_window_see_and_move_what_the_definition_says(graph: Graph) -> None:
    way, batches = window(SMALL, graph, 2)
    objective, (whole, own) = way.parts.objective, dense(SMALL, graph)
    embeddings = objective.network.embeddings
    start, late, collected = embeddings.detach().clone(), torch.zeros(1), torch.zeros(1)
    for number, batch in enumerate((*batches[:2], batches[0])):
        if number == 2:
            start, late = embeddings.detach().clone(), (whole - own).T @ collected / 2
        seen = ((whole - own) @ start + own @ embeddings.detach()).requires_grad_()
        plain = torch.zeros_like(embeddings)
        embeddings.grad = None
        objective.of_vectors(seen, way.parts.views.view(batch), batch).backward()
        assert seen.grad is not None
        collected, plain = collected + seen.grad, embeddings.grad
        embeddings.grad = None
        way(batch, last=False)
        torch.testing.assert_close(embeddings.grad, own.T @ seen.grad + late + plain, rtol=0, atol=1e-6)
        with torch.no_grad():
            embeddings -= 0.1 * embeddings.grad


@pytest.mark.parametrize("every", [2, 5, 1000, 0])
def test_training_that_propagates_less_often_learns_and_repeats_itself(every: int, graph: Graph) -> None:
    architecture = SMALL.model_copy(update={"propagate_every": every})
    first, second = (fit(architecture, graph, SETTINGS, small_valid()) for _ in range(2))
    assert torch.equal(tables(first), tables(second))
    assert first.history[-1]["loss"] < first.history[0]["loss"]


def test_without_neighbours_a_window_is_plain_training(graph: Graph) -> None:
    found = [
        fit(SMALL.model_copy(update={"operators": ("none",), "propagate_every": n}), graph, SETTINGS, small_valid())
        for n in (1, 3)
    ]
    torch.testing.assert_close(tables(found[0]), tables(found[1]), rtol=0, atol=1e-6)


def test_ids_that_are_never_propagated_while_training_are_matrix_factorisation_propagated_once(graph: Graph) -> None:
    fixed = replace(SETTINGS, epochs=2)
    once = fit(SMALL.model_copy(update={"propagate_every": 0}), graph, fixed)
    plain = fit(SMALL.model_copy(update={"operators": ()}), graph, fixed)
    torch.testing.assert_close(tables(once), dense(SMALL, graph)[0] @ tables(plain), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "change", [{"operators": ("gcn",)}, {"combination": "learned"}, {"contrast": "xsimgcl"}, {"head": "cosine"}]
)
def test_what_is_not_linear_is_propagated_in_every_step(change: dict[str, Any], graph: Graph) -> None:
    (knob,) = change
    with pytest.raises(UserError, match=rf"propagate_every = 4 needs .*Change {knob} = "):
        fit(SMALL.model_copy(update={"propagate_every": 4, **change}), graph, replace(SETTINGS, epochs=1))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"operators": ("gat",)},
        {"operators": ("sage",), "loss": "ccl"},
        {"propagate_every": 2, "combination": "last"},
    ],
)
def test_16_bits_learn_much_the_same_with_weights_in_32(change: dict[str, Any], graph: Graph) -> None:
    architecture = SMALL.model_copy(update={"negatives": 4, "loss": "sampled_softmax", **change})
    short, full = (
        fit(architecture, graph, replace(SETTINGS, epochs=3, precision=name)) for name in ("bfloat16", "float32")
    )
    assert tables(short).dtype == torch.float32
    assert [row["loss"] for row in short.history] == pytest.approx([row["loss"] for row in full.history], rel=0.02)
    assert not torch.equal(tables(short), tables(full))


def test_large_fan_outs_learn_what_the_whole_graph_teaches(graph: Graph) -> None:
    whole = fit(SMALL, graph, replace(SETTINGS, epochs=2))
    for parts in (1, 3):
        sampled = fit(SMALL, graph, replace(SETTINGS, epochs=2, fan_out=(100, 100), accumulate=parts))
        torch.testing.assert_close(tables(sampled), tables(whole), rtol=0, atol=1e-3)


def test_one_fan_out_a_layer_is_due(graph: Graph) -> None:
    with pytest.raises(UserError, match=r"fan_out = \[5\] has 1 numbers and the network 2 layers"):
        fit(SMALL, graph, replace(SETTINGS, epochs=1, fan_out=(5,)))


class Narrow:
    """Fails as a GPU does where more than ``room`` pairs come at once."""

    def __init__(self, room: int) -> None:
        self.room, self.of_vectors = room, Objective.of_vectors

    def __call__(self, objective: Objective, vectors: torch.Tensor, view: Any, batch: Batch) -> torch.Tensor:
        if batch.size > self.room:
            raise torch.OutOfMemoryError("no room\nand a long table")
        return self.of_vectors(objective, vectors, view, batch)


def short_of_memory(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    narrow, forward = Narrow(room), Objective.forward

    def whole(self: Objective, view: Any, batch: Batch) -> torch.Tensor:
        if batch.size > room:
            raise torch.OutOfMemoryError("no room\nand a long table")
        return forward(self, view, batch)

    monkeypatch.setattr(Objective, "forward", whole)
    monkeypatch.setattr(Objective, "of_vectors", lambda self, *given: narrow(self, *given))


@pytest.mark.parametrize("every", [1, 3, 0])
def test_where_memory_runs_out_batches_are_cut_and_it_is_said_once(
    every: int, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = SMALL.model_copy(update={"propagate_every": every})
    wanted = fit(architecture, graph, SETTINGS, small_valid())
    said: list[str] = []
    short_of_memory(monkeypatch, 20)
    found = fit(architecture, graph, SETTINGS, small_valid(), say=said.append)
    torch.testing.assert_close(tables(found), tables(wanted), rtol=0, atol=1e-4)
    assert said == ["A step ran out of memory: batches are cut into 2 or more parts from here on. no room"]


def test_a_batch_that_cannot_be_cut_smaller_says_what_to_change(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    short_of_memory(monkeypatch, 0)
    with pytest.raises(UserError, match=r"ran out of memory with batches in 64 parts.*Take a smaller batch_size"):
        fit(SMALL, graph, SETTINGS, small_valid(), say=str)
    with pytest.raises(UserError, match=r"ran out of memory with batches in 1 parts"):
        fit(SMALL.model_copy(update={"loss": "directau"}), graph, SETTINGS, small_valid(), say=str)


def test_batches_larger_than_the_graph_and_one_dimension_are_trained_with(graph: Graph) -> None:
    architecture = SMALL.model_copy(update={"dimension": 1})
    for change in ({"accumulate": 3}, {"precision": "bfloat16"}, {"fan_out": (2, 2)}):
        fitted = fit(architecture, graph, replace(SETTINGS, batch_size=10**6, epochs=2, **change))
        assert np.isfinite(tables(fitted).numpy()).all()


@pytest.mark.parametrize("change", [{"precision": "float16"}, {"accumulate": 0}])
def test_settings_without_sense_are_refused(change: dict[str, Any], graph: Graph) -> None:
    (name,) = change
    with pytest.raises(UserError, match=name):
        fit(SMALL, graph, replace(SETTINGS, epochs=1, **change))
