"""A network takes of another one's weights what fits, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.network.gnn import Network, network
from recsmith.engine.network.warm import EMBEDDINGS, Inherited, learnt
from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.architecture import Gnn

PARENT = Gnn(operators=("gcn", "sage", "lightgcn"), dimension=6, combination="learned")


@pytest.fixture
def graph() -> Graph:
    pairs = np.unique(np.random.default_rng(0).integers(0, [12, 9], size=(50, 2)), axis=0)
    return from_edges(pairs[:, 0], pairs[:, 1], 12, 9)


def made(architecture: Gnn, graph: Graph, seed: int = 5) -> Network:
    torch.manual_seed(seed)
    return network(architecture, graph)


def heir(architecture: Gnn, graph: Graph) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], set[str]]:
    """The weights of a new network, those of its parent, and the names of what it took over unchanged."""
    parent, child = made(PARENT, graph, seed=9), made(architecture, graph)
    Inherited(PARENT, learnt(parent), np.arange(21)).begin(child)
    old, new = learnt(parent), learnt(child)
    return new, old, {name for name in new.keys() & old.keys() if torch.equal(new[name], old[name])}


def test_a_longer_vector_keeps_its_own_tail_and_a_shorter_one_takes_the_head(graph: Graph) -> None:
    wide, narrow = (PARENT.model_copy(update={"dimension": dimension}) for dimension in (8, 4))
    new, old, _ = heir(wide, graph)
    assert torch.equal(new[EMBEDDINGS][:, :6], old[EMBEDDINGS])
    assert torch.equal(new[EMBEDDINGS][:, 6:], made(wide, graph).embeddings[:, 6:])
    new, old, _ = heir(narrow, graph)
    assert torch.equal(new[EMBEDDINGS], old[EMBEDDINGS][:, :4])


def test_layers_of_the_same_operator_go_on_and_others_begin_anew(graph: Graph) -> None:
    other = PARENT.model_copy(update={"operators": ("gcn", "gin", "lightgcn", "gcn")})
    new, _, taken = heir(other, graph)
    begun = {name: value for name, value in learnt(made(other, graph)).items() if name not in taken}
    assert EMBEDDINGS in taken
    assert {name.split(".")[1] for name in taken if name.startswith("operators.")} == {"0"}
    assert all(torch.equal(new[name], value) for name, value in begun.items())
    assert any(name.startswith("operators.1.") for name in begun)
    # One more layer: as many logits of the combination do not fit.
    assert "combination.logits" in begun


def test_operators_of_another_width_begin_anew(graph: Graph) -> None:
    _, _, taken = heir(PARENT.model_copy(update={"dimension": 8}), graph)
    assert taken == {"combination.logits"}


def test_another_combination_begins_anew(graph: Graph) -> None:
    _, _, taken = heir(PARENT.model_copy(update={"combination": "attention"}), graph)
    assert not any(name.startswith("combination.") for name in taken)
    assert heir(PARENT, graph)[2] == set(learnt(made(PARENT, graph)))


def test_another_graphs_weights_are_refused(graph: Graph) -> None:
    start = Inherited(PARENT, learnt(made(PARENT, graph)), np.arange(20))
    with pytest.raises(UserError, match="knows 20 nodes, the graph has 21"):
        start.begin(made(PARENT, graph))


def test_a_fit_begins_from_what_was_inherited(graph: Graph) -> None:
    settings = FitSettings(device="cpu", threads=1, epochs=0, batch_size=16)
    parent = made(PARENT, graph, seed=9)
    child = Gnn(operators=(), dimension=6)
    fitted = fit(child, graph, settings, start=Inherited(PARENT, learnt(parent), np.arange(21)))
    assert fitted.learnt is not None
    assert torch.equal(fitted.learnt[EMBEDDINGS], learnt(parent)[EMBEDDINGS])
