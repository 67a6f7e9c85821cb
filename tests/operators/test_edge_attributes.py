"""What operators read of edges: which event, what weight, how old."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from operator_cases import EDGES, EVENT, TIME, USERS, WEIGHT, graph, nodes

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.edges import DAY, Edges
from recsmith.graph.graph import from_edges
from recsmith.model.names import EDGE_READERS
from recsmith.operators import operator

every_reader = pytest.mark.parametrize("name", EDGE_READERS)
ORDER = np.array([0, 3, 1, 5, 8, 7, 2, 6, 4])
"""Moves an event, a weight and a time from edge to edge."""
MOVED = {"event": EVENT[ORDER], "timestamp": TIME[ORDER], "weight": WEIGHT[ORDER]}


def out(name: str, edge_dimension: int = 3, **known: Any) -> torch.Tensor:
    torch.manual_seed(3)
    layer = operator(name, 4, edge_dimension=edge_dimension, n_events=3)
    # Weights all over the place, so that no attribute is too small to be seen.
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weights in layer.parameters():
            weights.copy_(torch.randn(weights.shape, generator=generator))
    return layer(nodes(), Adjacency(graph(**known)))


@every_reader
@pytest.mark.parametrize("attribute", sorted(MOVED))
def test_permuting_an_attribute_among_the_edges_changes_the_output(name: str, attribute: str) -> None:
    changed = out(name, 3, **{attribute: MOVED[attribute]})
    assert (changed - out(name)).abs().max() > 1e-3


@every_reader
def test_reading_differs_from_not_reading(name: str) -> None:
    assert not torch.allclose(out(name), out(name, edge_dimension=0))


@every_reader
def test_events_and_times_are_nothing_to_an_operator_that_does_not_read_edges(name: str) -> None:
    changed = out(name, 0, timestamp=MOVED["timestamp"])
    assert torch.equal(changed, out(name, 0))


def test_permuting_events_changes_what_rgcn_hears() -> None:
    assert not torch.allclose(out("rgcn", event=MOVED["event"]), out("rgcn"))


def test_parallel_edges_stay_apart_where_attributes_are_read_and_are_one_where_they_are_not() -> None:
    adjacency = Adjacency(graph())
    assert len(adjacency.attributed.rows) == 2 * len(EDGES)
    assert len(adjacency.neighbours.rows) == 2 * (len(EDGES) - 1)


def test_the_age_is_the_logarithm_of_days_to_the_newest_and_unknown_is_a_value_of_its_own() -> None:
    days, items = np.array([0, 1, 100]), np.arange(4)
    timestamp = np.concatenate([10**9 - days * int(DAY), [-1]])
    known = from_edges(np.zeros(4, int), items, 1, 4, timestamp=timestamp)
    age, unknown = Edges(known).features(slice(None))[:, -2:].T
    np.testing.assert_allclose(age, [0, np.log(2) / np.log(101), 1, 0], rtol=1e-6)
    assert unknown.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("timestamp", [np.full(3, -1), np.full(3, 5)])
def test_times_that_are_all_unknown_or_equal_give_finite_features(timestamp: np.ndarray) -> None:
    known = from_edges(np.arange(3), np.arange(3), 3, 3, timestamp=timestamp, weight=np.zeros(3))
    assert np.isfinite(Edges(known).features(slice(None))).all()


def test_features_of_some_edges_are_those_rows_of_all() -> None:
    edges, some = Edges(graph()), np.array([7, 2, 2])
    for of in (edges.features, edges.weights, edges.pairs):
        assert np.array_equal(of(some), of(slice(None))[some])


def test_weights_of_parallel_edges_add_up_to_the_weight_of_the_pair() -> None:
    twice = from_edges(np.array([0, 0, 1]), np.array([0, 0, 1]), 2, 2, event=np.array([0, 1, 0]), events=("a", "b"))
    assert Edges(twice).weights(slice(None)).tolist() == [0.5, 0.5, 1]
    assert Edges(graph()).weights(slice(None)).sum() == WEIGHT.sum()


def test_both_directions_of_an_edge_have_its_features() -> None:
    seen = Adjacency(graph()).attributed
    assert seen.features is not None
    assert torch.equal(seen.features[seen.order].sum(0), seen.features.sum(0))
    users = seen.rows < USERS
    order = np.lexsort((seen.features[:, -3], seen.columns - USERS, seen.rows))
    back = np.lexsort((seen.features[:, -3], seen.rows - USERS, seen.columns))
    ahead, behind = (torch.from_numpy(each) for each in (order, back))
    mine, theirs = seen.features[ahead][users[ahead]], seen.features[behind][~users[behind]]
    torch.testing.assert_close(mine, theirs)
    assert len(mine) == len(EDGES)
