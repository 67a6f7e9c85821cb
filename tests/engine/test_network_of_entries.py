"""Adjacencies of entries that were drawn from a graph."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.entries import Entries, Whole
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.names import OPERATORS
from recsmith.operators import operator

USERS, ITEMS, N = 12, 9, 21
EVENTS = ("view", "buy")
FORMS = ("symmetric", "mean", "sums", "with_self")


@pytest.fixture(scope="module")
def graph() -> Graph:
    rng = np.random.default_rng(1)
    users, items = rng.integers(0, USERS - 1, 80), rng.integers(0, ITEMS, 80)
    known = {"weight": rng.random(80), "event": rng.integers(0, 2, 80), "timestamp": rng.integers(-1, 10**6, 80)}
    return from_edges(users, items, USERS, ITEMS, **known, events=EVENTS)


def whole(graph: Graph, entries: Entries | None = None) -> Adjacency:
    """The adjacency of given entries of a graph, all of them by default."""
    known = Whole(graph)
    return Adjacency.of_entries(known.parallel if entries is None else entries, known.degree, known.event_degree)


def nodes() -> torch.Tensor:
    return torch.randn(N, 4, generator=torch.Generator().manual_seed(1))


def made(name: str, **knobs: Any) -> torch.nn.Module:
    torch.manual_seed(2)
    return operator(name, 4, n_events=2, **knobs)


@pytest.mark.parametrize("edge_dimension", [0, 3])
@pytest.mark.parametrize("name", [name for name in OPERATORS if name not in ("gat", "transformer")])
def test_all_entries_in_any_order_are_the_graph(name: str, edge_dimension: int, graph: Graph) -> None:
    entries = Whole(graph).parallel
    shuffled = entries.take(np.random.default_rng(2).permutation(len(entries.rows)))
    layer = made(name, edge_dimension=edge_dimension)
    expected = layer(nodes(), Adjacency(graph))
    torch.testing.assert_close(layer(nodes(), whole(graph, shuffled)), expected)


@pytest.mark.parametrize("name", ["gat", "transformer"])
def test_attention_over_all_entries_is_that_over_the_graph(name: str, graph: Graph) -> None:
    layer, merged = made(name), Whole(graph).merged
    torch.testing.assert_close(layer(nodes(), whole(graph, merged)), layer(nodes(), Adjacency(graph)))


@pytest.mark.parametrize("form", FORMS)
def test_drawn_entries_give_the_products_of_the_graph_in_expectation(form: str, graph: Graph) -> None:
    rng, entries = np.random.default_rng(3), Whole(graph).parallel
    chance = rng.uniform(0.3, 1, len(entries.rows))
    total = torch.zeros(N, 4)
    for _ in range(800):
        drawn = np.flatnonzero(rng.random(len(chance)) < chance)
        kept = replace(entries.take(drawn), scale=1 / chance[drawn])
        total += getattr(whole(graph, kept), form) @ nodes()
    torch.testing.assert_close(total / 800, getattr(Adjacency(graph), form) @ nodes(), atol=0.25, rtol=0)


def test_products_of_patterns_that_are_not_symmetric_have_the_gradient_of_their_transpose(graph: Graph) -> None:
    entries = Whole(graph).parallel
    half = whole(graph, entries.take(np.flatnonzero(entries.rows < USERS)))
    for form in FORMS:
        given, product = nodes().requires_grad_(), getattr(half, form)
        (product @ given).square().sum().backward()
        dense = product @ torch.eye(N)
        torch.testing.assert_close(given.grad, 2 * dense.T @ (dense @ nodes()))


@pytest.mark.parametrize("name", ["gat", "transformer", "gin", "pooling"])
def test_gradients_through_patterns_that_are_not_symmetric_are_those_of_finite_differences(
    name: str, graph: Graph
) -> None:
    rng, entries = np.random.default_rng(3), Whole(graph).parallel
    drawn = replace(entries, scale=rng.uniform(1, 3, len(entries.rows))).take(np.flatnonzero(entries.rows % 3 > 0))
    layer, adjacency = made(name, edge_dimension=2).double(), whole(graph, drawn)
    assert torch.autograd.gradcheck(lambda x: layer(x, adjacency), nodes().double().requires_grad_(), atol=1e-6)


def test_attention_counts_an_entry_for_as_many_as_it_stands_for(graph: Graph) -> None:
    merged, layer = Whole(graph).merged, made("transformer")
    twice = replace(merged, scale=np.where(merged.columns % 2, 2.0, 1.0))
    order = np.sort(np.concatenate([np.arange(len(merged.rows)), np.flatnonzero(merged.columns % 2)]))
    torch.testing.assert_close(layer(nodes(), whole(graph, twice)), layer(nodes(), whole(graph, merged.take(order))))


def test_entries_are_dropped_by_interaction_whatever_their_numbers_are(graph: Graph) -> None:
    entries = Whole(graph).parallel
    torch.manual_seed(1)
    expected = Adjacency(graph).dropped(0.5).sums @ nodes()
    torch.manual_seed(1)
    far = replace(entries, pair=entries.pair.astype(np.int64) * 10**10)
    torch.testing.assert_close(whole(graph, far).dropped(0.5).sums @ nodes(), expected)


def test_entries_without_features_cannot_be_told_apart_by_event(graph: Graph) -> None:
    with pytest.raises(ValueError, match="features"):
        made("rgcn")(nodes(), whole(graph, replace(Whole(graph).parallel, features=None)))
