"""Every operator of the resolver keeps one contract."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recsmith.engine.adjacency import Adjacency
from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.names import OPERATORS as NAMES
from recsmith.operators import OPERATORS, operator

USERS, ITEMS, D = 6, 5, 4
N = USERS + ITEMS
EDGES = np.array([[0, 0], [0, 1], [1, 1], [1, 2], [2, 0], [3, 3], [4, 3], [4, 1]])  # user 5 and item 4 have none
WEIGHT = np.array([1.0, 0.5, 2.0, 1.0, 1.0, 0.25, 1.0, 3.0], np.float32)

every_operator = pytest.mark.parametrize("name", sorted(OPERATORS))


def graph(users: np.ndarray = EDGES[:, 0], items: np.ndarray = EDGES[:, 1]) -> Graph:
    return from_edges(users, items, USERS, ITEMS, weight=WEIGHT)


def made(name: str, dimension: int = D) -> torch.nn.Module:
    torch.manual_seed(3)
    return operator(name, dimension)


def nodes(dimension: int = D) -> torch.Tensor:
    return torch.randn(N, dimension, generator=torch.Generator().manual_seed(1))


def test_the_resolver_and_the_list_of_names_agree() -> None:
    assert sorted(OPERATORS) == sorted(NAMES)


def test_an_unknown_operator_is_refused_with_the_list_of_known_ones() -> None:
    with pytest.raises(UserError, match=r"'lgcn' is unknown. Known: conv1d, dense, gat, gcn, gin, lightgcn"):
        operator("lgcn", 4)


@every_operator
@pytest.mark.parametrize("dimension", [1, 4, 7])
def test_nodes_keep_their_shape_and_stay_finite(name: str, dimension: int) -> None:
    out = made(name, dimension)(nodes(dimension), Adjacency(graph()))
    assert out.shape == (N, dimension)
    assert out.dtype == torch.float32
    assert torch.isfinite(out).all()


@every_operator
def test_gradients_reach_the_nodes_and_every_weight(name: str) -> None:
    layer, given = made(name), nodes().requires_grad_()
    layer(nodes() * 0 + given, Adjacency(graph())).square().sum().backward()
    for tensor in (given, *layer.parameters()):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
        assert tensor.grad.abs().sum() > 0


@every_operator
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    layer, adjacency = made(name).double(), Adjacency(graph())
    assert torch.autograd.gradcheck(lambda x: layer(x, adjacency), nodes().double().requires_grad_(), atol=1e-6)


@every_operator
def test_two_runs_give_equal_bytes_on_any_number_of_threads(name: str) -> None:
    adjacency, threads = Adjacency(graph()), torch.get_num_threads()
    outs = []
    for number in (1, 2, 2):
        torch.set_num_threads(number)
        outs.append(made(name)(nodes(), adjacency))
    torch.set_num_threads(threads)
    assert all(torch.equal(outs[0], out) for out in outs)


@every_operator
def test_nodes_without_an_edge_hear_nobody(name: str) -> None:
    layer, adjacency, other = made(name), Adjacency(graph()), nodes()
    lonely = [5, USERS + 4]
    other[[row for row in range(N) if row not in lonely]] += 1
    assert torch.equal(layer(nodes(), adjacency)[lonely], layer(other, adjacency)[lonely])


@every_operator
def test_renumbering_the_nodes_renumbers_the_result(name: str) -> None:
    rng = np.random.default_rng(5)
    users, items = rng.permutation(USERS), rng.permutation(ITEMS)
    moved = np.concatenate([users, USERS + items])
    given = nodes()
    renumbered = torch.empty_like(given)
    renumbered[moved] = given
    layer = made(name)
    there = layer(renumbered, Adjacency(graph(users[EDGES[:, 0]], items[EDGES[:, 1]])))
    torch.testing.assert_close(there[moved], layer(given, Adjacency(graph())))


@every_operator
def test_a_graph_of_isolated_nodes_gives_finite_vectors_and_gradients(name: str) -> None:
    given = nodes().requires_grad_()
    out = made(name)(given, Adjacency(from_edges(np.zeros(0, int), np.zeros(0, int), USERS, ITEMS)))
    out.sum().backward()
    assert torch.isfinite(out).all()
    assert given.grad is not None
    assert torch.isfinite(given.grad).all()
