"""Every operator of the resolver keeps one contract, in every form it has."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from operator_cases import CASES, EDGES, ITEMS, USERS, N, graph, larger, made, nodes

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.errors import UserError
from recsmith.graph.graph import from_edges
from recsmith.model.names import OPERATORS as NAMES
from recsmith.operators import OPERATORS, operator

every_operator = pytest.mark.parametrize("case", sorted(CASES))


def test_the_resolver_and_the_list_of_names_agree() -> None:
    assert sorted(OPERATORS) == sorted(NAMES)


def test_an_unknown_operator_is_refused_with_the_list_of_known_ones() -> None:
    with pytest.raises(UserError, match=r"'lgcn' is unknown. Known: conv1d, dense, gat, gcn, gin, lightgcn"):
        operator("lgcn", 4)


@every_operator
@pytest.mark.parametrize("dimension", [1, 4, 7])
def test_nodes_keep_their_shape_and_stay_finite(case: str, dimension: int) -> None:
    out = made(case, dimension)(nodes(dimension), Adjacency(graph()))
    assert out.shape == (N, dimension)
    assert out.dtype == torch.float32
    assert torch.isfinite(out).all()


@every_operator
def test_gradients_reach_the_nodes_and_every_weight(case: str) -> None:
    layer, given = made(case), nodes().requires_grad_()
    layer(nodes() * 0 + given, Adjacency(graph())).square().sum().backward()
    for tensor in (given, *layer.parameters()):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
        assert tensor.grad.abs().sum() > 0


@every_operator
def test_gradients_are_those_of_finite_differences(case: str) -> None:
    layer, adjacency = made(case).double(), Adjacency(graph())
    weights = tuple(weight.detach().requires_grad_() for weight in layer.parameters())
    names = [name for name, _ in layer.named_parameters()]

    def out(given: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (given, adjacency))

    assert torch.autograd.gradcheck(out, (nodes().double().requires_grad_(), *weights), atol=1e-6)


@every_operator
def test_values_and_gradients_are_equal_bytes_on_any_number_of_threads(case: str) -> None:
    adjacency, threads = Adjacency(larger()), torch.get_num_threads()
    runs = []
    for number in (1, 2, 2):
        torch.set_num_threads(number)
        layer, given = made(case, 16), nodes(16, 500).requires_grad_()
        out = layer(given, adjacency)
        out.square().sum().backward()
        runs.append([out, given.grad])
    torch.set_num_threads(threads)
    assert all(torch.equal(*pair) for run in runs[1:] for pair in zip(runs[0], run, strict=True))


@every_operator
def test_nodes_without_an_edge_hear_nobody(case: str) -> None:
    layer, adjacency, other = made(case), Adjacency(graph()), nodes()
    lonely = [5, USERS + 4]
    other[[row for row in range(N) if row not in lonely]] += 1
    assert torch.equal(layer(nodes(), adjacency)[lonely], layer(other, adjacency)[lonely])


@every_operator
def test_renumbering_the_nodes_renumbers_the_result(case: str) -> None:
    rng = np.random.default_rng(5)
    users, items = rng.permutation(USERS), rng.permutation(ITEMS)
    moved = np.concatenate([users, USERS + items])
    given = nodes()
    renumbered = torch.empty_like(given)
    renumbered[moved] = given
    layer = made(case)
    there = layer(renumbered, Adjacency(graph(users[EDGES[:, 0]], items[EDGES[:, 1]])))
    torch.testing.assert_close(there[moved], layer(given, Adjacency(graph())))


@every_operator
def test_a_graph_of_isolated_nodes_gives_finite_vectors_and_gradients(case: str) -> None:
    given, none = nodes().requires_grad_(), np.zeros(0, int)
    empty = from_edges(none, none, USERS, ITEMS, events=("view", "cart", "buy"))
    out = made(case)(given, Adjacency(empty))
    out.sum().backward()
    assert torch.isfinite(out).all()
    assert given.grad is not None
    assert torch.isfinite(given.grad).all()


@every_operator
def test_vectors_and_gradients_are_finite_where_all_edges_are_dropped(case: str) -> None:
    given = nodes().requires_grad_()
    out = made(case)(given, Adjacency(graph()).dropped(0.999999))
    out.sum().backward()
    assert torch.isfinite(out).all()
    assert given.grad is not None
    assert torch.isfinite(given.grad).all()


@every_operator
def test_a_user_with_every_item_and_edges_given_twice_are_no_trouble(case: str) -> None:
    users, items = np.repeat([0, 0, 1], ITEMS), np.tile(np.arange(ITEMS), 3)
    full = from_edges(users, items, USERS, ITEMS, events=("view", "cart", "buy"))
    assert torch.isfinite(made(case)(nodes(), Adjacency(full))).all()


@every_operator
def test_half_precision_gives_nearly_the_same(case: str) -> None:
    layer, adjacency, given = made(case, 16), Adjacency(larger()), nodes(16, 500)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(given.requires_grad_(), adjacency)
    out.float().square().mean().backward()
    full = layer(given, adjacency)
    assert (out.float() - full).norm() < 0.03 * full.norm() + 1e-6
    assert given.grad is not None
    assert torch.isfinite(given.grad).all()
