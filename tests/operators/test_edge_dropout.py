"""Edges that are dropped while training: both directions at once, right in expectation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from operator_cases import N, graph, nodes

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.propagate import Product
from recsmith.graph.graph import from_edges
from recsmith.operators import operator


def dense(product: Product) -> torch.Tensor:
    return product @ torch.eye(N)


@pytest.mark.parametrize("form", ["symmetric", "mean", "sums", "with_self"])
def test_products_are_those_of_the_whole_graph_in_expectation(form: str) -> None:
    torch.manual_seed(1)
    adjacency = Adjacency(graph())
    mean = sum(dense(getattr(adjacency.dropped(0.4), form)) for _ in range(3000)) / 3000
    torch.testing.assert_close(mean, dense(getattr(adjacency, form)), atol=0.12, rtol=0)


@pytest.mark.parametrize("name", ["sage", "rgcn"])
def test_linear_operators_that_read_edges_are_right_in_expectation(name: str) -> None:
    torch.manual_seed(1)
    adjacency, layer = Adjacency(graph()), operator(name, 4, edge_dimension=3, n_events=3)
    with torch.no_grad():
        mean = sum(layer(nodes(), adjacency.dropped(0.4)) for _ in range(2000)) / 2000
        torch.testing.assert_close(mean, layer(nodes(), adjacency), atol=0.1, rtol=0)


def test_an_interaction_is_dropped_in_both_directions_and_the_rest_is_scaled() -> None:
    adjacency = Adjacency(graph())
    whole, kept = dense(adjacency.symmetric), dense(adjacency.dropped(0.5).symmetric)
    torch.testing.assert_close(kept, kept.T)
    stays = kept != 0
    assert 0 < stays.sum() < (whole != 0).sum()
    torch.testing.assert_close(kept[stays], 2 * whole[stays])


def test_gradients_go_the_way_that_is_kept() -> None:
    dropped = Adjacency(graph()).dropped(0.5)
    for form in ("symmetric", "mean", "with_self"):
        product, given = getattr(dropped, form), nodes().requires_grad_()
        chosen = torch.randn(N, 4)
        (product @ given * chosen).sum().backward()
        assert given.grad is not None
        torch.testing.assert_close(given.grad, dense(product).T @ chosen)


def test_loops_stay() -> None:
    kept = Adjacency(graph()).dropped(0.9999).with_self
    assert dense(kept).nonzero().diff(dim=1).abs().sum() == 0
    assert (dense(kept).diagonal() > 0).all()


def test_all_forms_of_one_draw_agree_on_what_is_there() -> None:
    dropped = Adjacency(graph()).dropped(0.5)
    seen = dense(dropped.symmetric) != 0
    for form in ("mean", "sums"):
        assert torch.equal(dense(getattr(dropped, form)) != 0, seen)
    for pattern in (dropped.neighbours, dropped.attributed):
        assert pattern.scale is not None
        there = torch.zeros(N, N, dtype=torch.bool)
        there[pattern.rows[pattern.scale > 0], pattern.columns[pattern.scale > 0]] = True
        assert torch.equal(there, seen)


@pytest.mark.parametrize("name", ["gat", "transformer", "pooling"])
def test_what_is_dropped_is_not_heard(name: str) -> None:
    """The whole graph with the entries that stayed gives the same."""
    torch.manual_seed(2)
    layer, adjacency = operator(name, 4), Adjacency(from_edges(np.array([0, 0, 1]), np.array([0, 1, 1]), 6, 5))
    dropped = adjacency.dropped(0.5)
    stays = (dense(dropped.sums)[:6, 6:] != 0).nonzero().numpy()
    left = Adjacency(from_edges(stays[:, 0], stays[:, 1], 6, 5))
    assert 0 < len(stays) < 3
    if name != "gat":
        torch.testing.assert_close(layer(nodes(), dropped), layer(nodes(), left))
    lonely = [node for node in range(N) if node not in {*stays[:, 0], *(stays[:, 1] + 6)}]
    torch.testing.assert_close(layer(nodes(), dropped)[lonely], layer(nodes(), left)[lonely])


def test_equal_seeds_drop_equal_edges_and_the_next_draw_is_another() -> None:
    adjacency = Adjacency(graph())
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(dense(adjacency.dropped(0.5).symmetric))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
