from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recsmith.engine.batch.neighbourhood import Neighbourhood
from recsmith.engine.batch.sampling import Batch
from recsmith.engine.batch.view import View
from recsmith.engine.network.gnn import Network
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.blockwise import propagate, row_blocks
from recsmith.engine.sparse.directed import Directed
from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.gnn import Gnn

KINDS = ("binary", "events", "weighted")


def graph_of(kind: str, seed: int = 0, users: int = 30, items: int = 20) -> Graph:
    """A random graph with a user and an item of no edges; ``events``: parallel edges, ``weighted``: those add up."""
    rng = np.random.default_rng(seed)
    pairs = np.argwhere(rng.random((users - 1, items - 1)) < 0.3)
    event = np.zeros(len(pairs), np.uint8)
    if kind != "binary":
        pairs = np.concatenate([pairs, pairs[::3], pairs[::6]])
        event = np.concatenate([event, np.full(len(pairs[::1]) - len(event), 1, np.uint8)])
        event[len(event) - len(pairs) // 9 :] = 2
    weight = rng.random(len(pairs)).astype(np.float32) + 0.5 if kind == "weighted" else None
    return from_edges(pairs[:, 0], pairs[:, 1], users, items, weight=weight, event=event, events=("a", "b", "c"))


def batch_of(users: list[int], items: list[int], negatives: list[int]) -> Batch:
    drawn = torch.tensor(negatives).view(-1, 1)
    return Batch(torch.tensor(users), torch.tensor(items), drawn, torch.zeros(len(users), 1, 1).bool(), len(users))


BATCH = batch_of([3, 0, 3], [5, 1, 7], [2, 2, 11])


def whole(architecture: Gnn, graph: Graph, seed: int = 1) -> tuple[Network, torch.Tensor]:
    torch.manual_seed(seed)
    network = Network(architecture, graph.n_users + graph.n_items).eval()
    with torch.no_grad():
        return network, network(Adjacency(graph))


def nodes_of(view: View) -> list[int]:
    assert view.nodes is not None
    return view.nodes.tolist()


def seen(network: Network, neighbourhood: Neighbourhood, batch: Batch = BATCH) -> torch.Tensor:
    """The batch's vectors in a sampled view."""
    view = neighbourhood.view(batch)
    with torch.no_grad():
        return view.gather(network(view.adjacency, view.nodes))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operators", [("lightgcn",) * 3, ("gcn", "sage"), ("none", "lightgcn")])
def test_a_fan_out_that_takes_every_neighbour_gives_the_full_graphs_vectors(
    kind: str, operators: tuple[str, ...]
) -> None:
    graph = graph_of(kind)
    network, full = whole(Gnn(operators=operators, dimension=8), graph)
    found = seen(network, Neighbourhood(graph, [100] * len(operators)))
    assert (found - full[BATCH.rows(graph.n_users)]).abs().max() < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_of_many_draws_is_the_full_graphs_vector_where_layers_are_linear(kind: str) -> None:
    graph = graph_of(kind)
    network, full = whole(Gnn(operators=("lightgcn",) * 2, dimension=4, combination="mean"), graph)
    neighbourhood, draws = Neighbourhood(graph, [2, 3], seed=5), 500
    found = torch.stack([seen(network, neighbourhood) for _ in range(draws)]).double()
    error = (found.mean(0) - full[BATCH.rows(graph.n_users)]).abs()
    assert found.std(0).max() > 0.01
    # 36 means; each is off by more than 4.5 standard errors once in 150,000 times.
    assert (error <= 4.5 * found.std(0) / draws**0.5 + 1e-7).all()


def test_an_activation_biases_the_mean_and_a_larger_fan_out_lessens_it() -> None:
    """relu is convex: the mean of relu(sum drawn) lies above relu(whole sum) (Jensen)."""
    graph = graph_of("binary", users=60, items=60)
    network, full = whole(Gnn(operators=("lightgcn",) * 2, dimension=4, combination="last", activation="relu"), graph)
    truth = full[BATCH.rows(graph.n_users)]

    def bias(fan_out: int) -> float:
        neighbourhood = Neighbourhood(graph, [100, fan_out], seed=5)
        return float((torch.stack([seen(network, neighbourhood) for _ in range(100)]).mean(0) - truth).mean())

    assert bias(2) > 2 * bias(8) > 0
    assert abs(bias(100)) < 1e-6


def test_no_row_holds_more_than_the_fan_out_and_none_an_entry_twice() -> None:
    graph = graph_of("events")
    neighbourhood = Neighbourhood(graph, [4])
    nodes = np.arange(graph.n_users + graph.n_items)
    drawn = neighbourhood.draw(nodes, 4)
    length = neighbourhood.directed.stop - neighbourhood.directed.start
    assert np.bincount(drawn.rows, minlength=len(nodes)).tolist() == np.minimum(length, 4).tolist()
    both = np.minimum(drawn.rows, drawn.columns), np.maximum(drawn.rows, drawn.columns) - graph.n_users
    users = np.repeat(np.arange(graph.n_users), np.diff(graph.indptr))
    assert (both[0] == users[drawn.edges]).all()
    assert (both[1] == graph.indices[drawn.edges]).all()
    assert len({(row, edge) for row, edge in zip(drawn.rows, drawn.edges, strict=True)}) == len(drawn.rows)
    assert np.bincount(drawn.rows, drawn.scale, len(nodes)) == pytest.approx(length)


def test_every_set_of_neighbours_is_equally_likely() -> None:
    graph = from_edges(np.zeros(5, np.int64), np.arange(5), 1, 5)
    neighbourhood = Neighbourhood(graph, [2], seed=3)
    sets = [frozenset(neighbourhood.draw(np.array([0]), 2).columns) for _ in range(5000)]
    counts = np.array([sets.count(one) for one in set(sets)])
    assert len(counts) == 10
    # Chi square with 9 degrees of freedom: above 33 once in 10,000 times.
    assert ((counts - 500) ** 2 / 500).sum() < 33


def test_equal_seeds_draw_equal_views_and_a_restored_state_goes_on_where_it_was() -> None:
    graph = graph_of("binary")
    first, second = (Neighbourhood(graph, [2, 2], seed=9) for _ in range(2))
    assert [nodes_of(first.view(BATCH)) for _ in range(5)] == [nodes_of(second.view(BATCH)) for _ in range(5)]
    state = first.state()
    later = [first.sample(np.array([0, 1]))[0].tolist() for _ in range(3)]
    second.view(BATCH)
    second.restore(state)
    assert [second.sample(np.array([0, 1]))[0].tolist() for _ in range(3)] == later


def test_gradients_reach_the_embeddings_of_the_nodes_in_view_alone() -> None:
    graph = graph_of("binary")
    network, _ = whole(Gnn(operators=("lightgcn",) * 2, dimension=4), graph)
    view = Neighbourhood(graph, [2, 2]).view(BATCH)
    view.gather(network(view.adjacency, view.nodes)).sum().backward()
    assert network.embeddings.grad is not None
    touched = network.embeddings.grad.abs().sum(1).nonzero()[:, 0]
    assert set(BATCH.rows(graph.n_users).tolist()) <= set(touched.tolist()) <= set(nodes_of(view))
    assert len(nodes_of(view)) < graph.n_users + graph.n_items


def test_rows_are_read_from_a_memory_mapped_graph(tmp_path: Path) -> None:
    graph = graph_of("events")
    graph.save(tmp_path)
    views = [Neighbourhood(one, [2, 2]).view(BATCH) for one in (graph, Graph.load(tmp_path))]
    assert nodes_of(views[0]) == nodes_of(views[1])


def test_a_view_of_nodes_without_edges_holds_them_alone() -> None:
    none = np.array([], np.int64)
    graph = from_edges(none, none, 4, 12)
    network, full = whole(Gnn(operators=("lightgcn", "gcn"), dimension=4), graph)
    assert torch.equal(seen(network, Neighbourhood(graph, [3, 3])), full[BATCH.rows(4)])


@pytest.mark.parametrize("fan_out", [[], [3, 0]])
def test_a_fan_out_below_one_is_refused(fan_out: list[int]) -> None:
    with pytest.raises(UserError, match=r"fan_out = .* at least 1"):
        Neighbourhood(graph_of("binary"), fan_out)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_degrees_are_those_of_the_adjacency(kind: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("recsmith.engine.sparse.directed.CHUNK", 17)
    graph = graph_of(kind)
    directed, source = Directed(graph), Adjacency(graph)._source
    assert directed.degree == pytest.approx(source.degree)
    assert directed.event_degree == pytest.approx(source.event_degree)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "knobs", [{}, {"combination": "last", "residual": True}, {"combination": "concat", "head": "cosine"}]
)
def test_vectors_in_blocks_are_those_of_the_network(kind: str, knobs: dict, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("recsmith.engine.sparse.blockwise.ENTRIES", 25)
    graph = graph_of(kind)
    network, full = whole(Gnn(operators=("lightgcn", "none", "lightgcn"), dimension=4, **knobs), graph)
    found = propagate(network.architecture, graph, network.embeddings.detach().numpy(), tmp_path)
    assert np.abs(found - full.numpy()).max() < 1e-6
    assert np.abs(np.load(tmp_path / "vectors.npy") - full.numpy()).max() < 1e-6


def test_blocks_cover_all_nodes_and_hold_few_entries(monkeypatch: Any) -> None:
    monkeypatch.setattr("recsmith.engine.sparse.blockwise.ENTRIES", 10)
    directed = Directed(graph_of("binary"))
    blocks, length = row_blocks(directed), directed.stop - directed.start
    assert [n for block in blocks for n in range(block.start, block.stop)] == list(range(directed.n_nodes))
    assert all(length[block].sum() <= 10 or block.stop - block.start == 1 for block in blocks)


def test_a_network_with_weights_cannot_be_propagated_in_blocks(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be propagated in blocks"):
        propagate(Gnn(operators=("gcn",)), graph_of("binary"), np.zeros((50, 64), np.float32), tmp_path)
