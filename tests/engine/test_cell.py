"""Cells: layers that read earlier outputs of their choice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from fitting import ITEMS, SETTINGS, USERS, small_graph, small_valid, tables

from recsmith.config.base import parse
from recsmith.engine.batch.neighbourhood import Neighbourhood
from recsmith.engine.batch.sampling import Batch
from recsmith.engine.fit import fit
from recsmith.engine.network.gnn import needed_bytes, network
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.blockwise import is_linear
from recsmith.errors import UserError
from recsmith.graph.graph import from_edges
from recsmith.model import cell
from recsmith.model.architecture import Gnn, architecture, describe, key

D = 8
CELL = Gnn(operators=("lightgcn", "gcn", "sage"), inputs=((0,), (0, 1), (0, 2)), dimension=D, activation="elu")


def vectors(candidate: Gnn) -> torch.Tensor:
    torch.manual_seed(3)
    net = network(candidate, small_graph()).eval()
    with torch.no_grad():
        return net(Adjacency(small_graph()))


def test_a_cell_is_what_a_hand_computes() -> None:
    """One user, two items; both items hear the user, who hears their mean over sqrt(2)."""
    graph = from_edges(np.array([0, 0]), np.array([0, 1]), 1, 2)
    candidate = Gnn(operators=("lightgcn",) * 3, inputs=((0,), (0, 1), (0, 2)), dimension=1, combination="last")
    net = network(candidate, graph).eval()
    with torch.no_grad():
        net.embeddings.copy_(torch.tensor([[1.0], [2.0], [4.0]]))
        found = [layer[:, 0].double() for layer in net.layers(Adjacency(graph))]
    root = 2**-0.5
    first = [6 * root, root, root]
    read = [(1 + first[0]) / 2, (2 + first[1]) / 2, (4 + first[2]) / 2]
    second = [(read[1] + read[2]) * root, read[0] * root, read[0] * root]
    read = [(1 + second[0]) / 2, (2 + second[1]) / 2, (4 + second[2]) / 2]
    third = [(read[1] + read[2]) * root, read[0] * root, read[0] * root]
    for layer, wanted in zip(found[1:], (first, second, third), strict=True):
        assert torch.allclose(layer, torch.tensor(wanted, dtype=torch.float64), atol=1e-6)


def test_a_chain_spelt_out_is_the_chain_byte_for_byte() -> None:
    chain = Gnn(operators=("gcn", "sage", "lightgcn"), dimension=D, activation="relu", residual=True)
    spelt = chain.model_copy(update={"inputs": cell.chain(3)})
    assert torch.equal(vectors(chain), vectors(spelt))
    first, second = (fit(one, small_graph(), SETTINGS, small_valid()) for one in (chain, spelt))
    assert torch.equal(tables(first), tables(second))


def test_a_skip_changes_what_comes_out() -> None:
    chain = CELL.model_copy(update={"inputs": ()})
    assert not torch.allclose(vectors(CELL), vectors(chain))


def test_chains_keep_the_names_that_they_had_before_there_were_cells() -> None:
    assert "inputs" not in Gnn().model_dump(mode="json")
    assert key(Gnn()) == "aef7371050875244c764fdd8999821dc"
    assert key(CELL) != key(CELL.model_copy(update={"inputs": ()}))


def test_a_cell_survives_json_and_is_described_in_one_line() -> None:
    assert architecture(CELL.model_dump(mode="json")) == CELL
    assert describe(CELL).startswith("gnn lightgcn+gcn+sage d=8 elu mean bpr lr=0.001 wd=0.0001 inputs=0|0+1|0+2")


def test_edges_are_those_of_the_layers_and_of_the_combination() -> None:
    inner = [(0, 1), (0, 2), (1, 2), (0, 3), (2, 3)]
    assert cell.edges(CELL) == [*inner, (0, 4), (1, 4), (2, 4), (3, 4)]
    assert cell.edges(CELL.model_copy(update={"combination": "last"})) == [*inner, (3, 4)]
    assert cell.edges(Gnn(operators=("gcn", "gcn"), combination="last")) == [(0, 1), (1, 2), (2, 3)]
    assert cell.edges(Gnn(operators=(), combination="mean")) == [(0, 1)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"inputs": [[0]]}, "inputs name what 1 layers read, and there are 2"),
        ({"inputs": [[0], []]}, "layer 2 reads at least one output"),
        ({"inputs": [[0], [2]]}, "inputs\\[1\\] = \\[2\\]: layer 2 reads"),
        ({"inputs": [[0], [1, 0]]}, "each once and in order"),
        ({"inputs": [[0], [1, 1]]}, "each once and in order"),
        ({"inputs": [[1], [0]]}, "from 0 \\(the id embeddings\\) to 0"),
        ({"inputs": [[0], [0]], "combination": "last"}, "nobody reads layer 1"),
        ({"inputs": [[0], [-1]]}, "inputs\\[1\\]\\[0\\] = -1"),
    ],
)
def test_what_is_no_cell_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse({"operators": ["gcn", "gcn"], **values}, Gnn, "architecture")


def test_layers_that_nobody_reads_are_left_out() -> None:
    assert cell.plain(["gcn", "sage", "gat"], ((0,), (0,), (0, 1)), "last") == (["gcn", "gat"], ((0,), (0, 1)))
    assert cell.plain(["gcn", "sage", "gat"], ((0,), (0,), (0, 1)), "mean") == (
        ["gcn", "sage", "gat"],
        ((0,), (0,), (0, 1)),
    )
    assert cell.plain(["gcn", "sage", "gat"], ((0,), (0,), (1,)), "last") == (["gcn", "gat"], ())


def test_the_choices_of_a_layer_are_all_of_one_or_two_earlier_outputs() -> None:
    assert cell.choices(1) == ["0"]
    assert cell.choices(2) == ["1", "0", "0+1"]
    assert sorted(cell.choices(3)) == ["0", "0+1", "0+2", "1", "1+2", "2"]
    assert [cell.read(choice) for choice in cell.choices(2)] == [(1,), (0,), (0, 1)]


def test_neighbourhoods_wide_enough_give_a_cell_the_full_graph_s_vectors() -> None:
    graph = small_graph()
    torch.manual_seed(3)
    net = network(CELL, graph).eval()
    nodes = torch.tensor([[3, 5, 2], [7, 1, 9]])
    batch = Batch(nodes[0], nodes[1], nodes[1].flip(0).view(-1, 1), torch.zeros(3, 1, 1).bool(), 3)
    view = Neighbourhood(graph, [USERS + ITEMS] * 3).view(batch)
    with torch.no_grad():
        whole = net(Adjacency(graph))
        seen = net(view.adjacency, view.nodes)
    assert view.nodes is not None
    rows = batch.rows(USERS)
    at = torch.searchsorted(view.nodes, rows)
    assert torch.allclose(seen[at], whole[rows], atol=1e-6)


def test_sampled_training_of_a_cell_learns() -> None:
    settings = replace(SETTINGS, fan_out=(5, 5, 5), max_epochs=8)
    linear = Gnn(operators=("lightgcn",) * 3, inputs=((0,), (0, 1), (0, 2)), dimension=D, learning_rate=0.02)
    assert not is_linear(linear)
    fitted = fit(linear, small_graph(), settings, small_valid())
    assert fitted.history[-1]["loss"] < fitted.history[0]["loss"]


def test_steps_may_share_a_propagation_of_a_linear_cell() -> None:
    linear = Gnn(operators=("lightgcn",) * 2, inputs=((0,), (0, 1)), dimension=D, learning_rate=0.02, propagate_every=3)
    fitted = fit(linear, small_graph(), SETTINGS, small_valid())
    assert fitted.history[-1]["loss"] < fitted.history[0]["loss"]


def test_a_layer_of_several_inputs_needs_room_for_their_mean() -> None:
    chain = CELL.model_copy(update={"inputs": ()})
    more = needed_bytes(CELL, 100, 1000, 64) - needed_bytes(chain, 100, 1000, 64)
    assert more == 2 * 4 * 100 * D
