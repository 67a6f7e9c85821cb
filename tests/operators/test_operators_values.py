"""Each operator's formula, on a graph small enough to work out by hand or against an independent implementation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch_geometric.nn import GATConv, GCNConv, GINConv, GINEConv, LGConv, RGCNConv, SAGEConv, TransformerConv

from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.attention import featured
from recsmith.engine.sparse.pattern import Pattern
from recsmith.engine.sparse.propagate import Product
from recsmith.graph.graph import from_edges
from recsmith.operators import operator

Run = Callable[[torch.Tensor], torch.Tensor]

USERS, ITEMS = np.array([0, 0, 1]), np.array([0, 1, 1])


def adjacency() -> Adjacency:
    """Two users, two items: user 0 - items 0 and 1, user 1 - item 1."""
    return Adjacency(from_edges(USERS, ITEMS, 2, 2))


def edge_index() -> torch.Tensor:
    """The same for PyTorch Geometric: both directions, no loops."""
    users, items = torch.from_numpy(USERS), torch.from_numpy(ITEMS) + 2
    return torch.stack([torch.cat([users, items]), torch.cat([items, users])])


def nodes() -> torch.Tensor:
    return torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, -1.0], [4.0, 3.0]])


def test_none_leaves_nodes_as_they_are() -> None:
    assert torch.equal(operator("none", 2)(nodes(), adjacency()), nodes())


def test_lightgcn_weighs_neighbours_by_the_roots_of_both_degrees() -> None:
    out = operator("lightgcn", 2)(nodes(), adjacency())
    by_hand = torch.tensor([2 / 2**0.5 + 4 / 2, -1 / 2**0.5 + 3 / 2])
    torch.testing.assert_close(out[0], by_hand)
    torch.testing.assert_close(out, LGConv()(nodes(), edge_index()))


def test_gcn_is_kipf_and_wellings() -> None:
    layer: Any = operator("gcn", 2)
    reference: Any = GCNConv(2, 2)
    reference.lin.weight, reference.bias = layer.linear.weight, layer.linear.bias
    torch.testing.assert_close(layer(nodes(), adjacency()), reference(nodes(), edge_index()))


def test_sage_adds_the_mean_of_the_neighbours() -> None:
    layer: Any = operator("sage", 2)
    reference: Any = SAGEConv(2, 2)
    reference.lin_r.weight, reference.lin_l.bias = layer.own.weight, layer.own.bias
    reference.lin_l.weight = layer.neighbours.weight
    torch.testing.assert_close(layer(nodes(), adjacency()), reference(nodes(), edge_index()))


def both_ways(ours: Run, theirs: Run, x: torch.Tensor, weights: list[torch.nn.Parameter]) -> None:
    """Output and gradients of nodes and weights agree."""
    chosen = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    results = []
    for run in (ours, theirs):
        for tensor in (x, *weights):
            tensor.grad = None
        out = run(x)
        (out * chosen).sum().backward()
        results.append([out.detach(), *(tensor.grad.clone() for tensor in (x, *weights) if tensor.grad is not None)])
    for mine, reference in zip(*results, strict=True):
        torch.testing.assert_close(mine, reference, atol=1e-4, rtol=1e-4)


def drawn(**known: Any) -> Adjacency:
    rng = np.random.default_rng(4)
    keys = rng.choice(40 * 30, 300, replace=False)
    return Adjacency(from_edges(keys // 30, keys % 30, 40, 30, **known))


def attributed() -> Adjacency:
    rng = np.random.default_rng(6)
    return drawn(
        event=rng.integers(0, 2, 300), timestamp=rng.integers(-1, 10**7, 300), events=("view", "buy"), weight=None
    )


def pairs(seen: Pattern) -> torch.Tensor:
    """Entries as PyTorch Geometric's edge_index."""
    return torch.stack([seen.columns, seen.rows]).long()


def embedded(layer: Any, seen: Pattern) -> torch.Tensor:
    """What PyTorch Geometric takes as edge_attr."""
    return featured(seen, layer.edges.table) @ layer.edges.table


@pytest.mark.parametrize("heads", [1, 2])
def test_gat_equals_the_module_it_takes_its_weights_from_gradients_included(heads: int) -> None:
    given = drawn()
    torch.manual_seed(1)
    layer: Any = operator("gat", 8, heads=heads)
    start, weights = torch.randn(70, 8, requires_grad=True), list(layer.parameters())
    both_ways(lambda x: layer(x, given), lambda x: layer.module(x, pairs(given.edges)), start, weights)


@pytest.mark.parametrize("heads", [1, 2])
def test_gat_reads_edges_as_gatconv_does(heads: int) -> None:
    given = attributed()
    torch.manual_seed(1)
    layer: Any = operator("gat", 8, heads=heads, edge_dimension=3, n_events=2)
    reference: Any = GATConv(8, 8 // heads, heads, edge_dim=3, add_self_loops=False)
    reference.lin, reference.bias = layer.module.lin, layer.module.bias
    reference.att_src, reference.att_dst = layer.module.att_src, layer.module.att_dst
    reference.lin_edge, reference.att_edge = layer.edges.linear, layer.attention
    seen = given.attributed_edges

    def theirs(nodes: torch.Tensor) -> torch.Tensor:
        return reference(nodes, pairs(seen), embedded(layer, seen))

    both_ways(lambda x: layer(x, given), theirs, torch.randn(70, 8, requires_grad=True), list(layer.parameters()))


@pytest.mark.parametrize("edge_dimension", [0, 3])
def test_gin_is_that_of_pytorch_geometric(edge_dimension: int) -> None:
    given = attributed()
    torch.manual_seed(1)
    layer: Any = operator("gin", 8, edge_dimension=edge_dimension, n_events=2)
    reference: Any = GINEConv(layer.mlp, edge_dim=8) if edge_dimension else GINConv(layer.mlp)
    reference.eps, reference.lin = layer.eps, torch.nn.Identity()

    def theirs(x: torch.Tensor) -> torch.Tensor:
        if not edge_dimension:
            return reference(x, pairs(given.neighbours))
        return reference(x, pairs(given.attributed), layer.edges.linear(embedded(layer, given.attributed)))

    x = torch.randn(70, 8, requires_grad=True)
    both_ways(lambda x: layer(x, given), theirs, x, list(layer.parameters()))


@pytest.mark.parametrize("edge_dimension", [None, 3])
@pytest.mark.parametrize("heads", [1, 4])
def test_transformer_is_that_of_pytorch_geometric(heads: int, edge_dimension: int | None) -> None:
    given = attributed()
    torch.manual_seed(1)
    layer: Any = operator("transformer", 8, heads=heads, edge_dimension=edge_dimension or 0, n_events=2)
    reference: Any = TransformerConv(8, 8 // heads, heads, edge_dim=edge_dimension)
    reference.lin_query, reference.lin_value, reference.lin_skip = layer.query, layer.value, layer.own
    reference.lin_key = layer.key
    if edge_dimension:
        reference.lin_edge = layer.edges.linear

    def theirs(x: torch.Tensor) -> torch.Tensor:
        seen = given.attributed
        return reference(x, pairs(seen), embedded(layer, seen) if edge_dimension else None)

    x = torch.randn(70, 8, requires_grad=True)
    both_ways(lambda x: layer(x, given), theirs, x, list(layer.parameters()))


def test_rgcn_is_that_of_pytorch_geometric() -> None:
    given = attributed()
    torch.manual_seed(1)
    layer: Any = operator("rgcn", 8, n_events=2)
    reference: Any = RGCNConv(8, 8, 2)
    reference.weight = torch.nn.Parameter(torch.stack([event.weight.T for event in layer.events]))
    reference.root, reference.bias = torch.nn.Parameter(layer.own.weight.T), layer.own.bias
    seen = given.attributed
    kinds = featured(seen, reference.weight)[:, :2].argmax(1)

    def theirs(nodes: torch.Tensor) -> torch.Tensor:
        return reference(nodes, pairs(seen), kinds)

    both_ways(lambda x: layer(x, given), theirs, torch.randn(70, 8, requires_grad=True), [])


def test_rgcn_hears_each_event_through_its_own_weights() -> None:
    events = {"events": ("view", "buy"), "event": np.array([0, 1, 1])}
    given = Adjacency(from_edges(USERS, ITEMS, 2, 2, **events))
    layer: Any = operator("rgcn", 2, n_events=2)
    out, x = layer(nodes(), given), nodes()
    by_hand = layer.own(x[0]) + layer.events[0](x[2]) + layer.events[1](x[3])
    torch.testing.assert_close(out[0], by_hand)


def test_ngcf_is_the_matrix_form_of_its_paper() -> None:
    layer: Any = operator("ngcf", 2)
    dense, x = given_dense(adjacency().symmetric), nodes()
    expected = (dense + torch.eye(4)) @ x @ layer.message.weight.T + (dense @ x * x) @ layer.interaction.weight.T
    torch.testing.assert_close(layer(x, adjacency()), expected)


def given_dense(product: Product) -> torch.Tensor:
    return product @ torch.eye(4)


@pytest.mark.parametrize("name", ["lightgcn", "gcn", "ngcf"])
def test_exponents_are_those_of_the_degrees_of_who_hears_and_who_is_heard(name: str) -> None:
    knobs = {"target_exponent": 0.3, "source_exponent": 0.8}
    layer: Any = operator(name, 2, **knobs)
    adjacent = (given_dense(adjacency().sums) != 0).float() + (torch.eye(4) if name == "gcn" else 0)
    degree = adjacent.sum(1)
    heard = (degree**-0.3)[:, None] * adjacent * degree**-0.8 @ nodes()
    expected = {
        "lightgcn": lambda: heard,
        "gcn": lambda: layer.linear(heard),
        "ngcf": lambda: layer.message(heard + nodes()) + layer.interaction(heard * nodes()),
    }
    torch.testing.assert_close(layer(nodes(), adjacency()), expected[name]())


def test_sage_reading_edges_adds_the_mean_of_their_embeddings() -> None:
    given = attributed()
    layer: Any = operator("sage", 8, edge_dimension=3, n_events=2)
    x, seen = torch.randn(70, 8), given.attributed
    means = torch.zeros(70, 3).index_add_(0, seen.rows, embedded(layer, seen))
    means /= torch.bincount(seen.rows, minlength=70).clamp(min=1)[:, None]
    plain = layer.own(x) + layer.neighbours(given.mean @ x)
    torch.testing.assert_close(layer(x, given), plain + layer.edges.linear(means))


def test_dense_is_a_linear_layer() -> None:
    layer: Any = operator("dense", 2)
    assert torch.equal(layer(nodes(), adjacency()), layer.linear(nodes()))


@pytest.mark.parametrize("dimension", [1, 2, 7])
def test_conv1d_is_that_of_torch(dimension: int) -> None:
    layer: Any = operator("conv1d", dimension)
    x = torch.randn(4, dimension)
    expected = functional.conv1d(x[:, None], layer.kernel[None, None], layer.bias[None], padding=1)[:, 0]
    torch.testing.assert_close(layer(x, adjacency()), expected)


def test_pooling_takes_the_largest_of_the_node_and_its_neighbours() -> None:
    out = operator("pooling", 2)(nodes(), adjacency())
    assert out.tolist() == [[4, 3], [4, 3], [2, 0], [4, 3]]


def test_gat_stays_finite_where_logits_are_huge() -> None:
    layer = operator("gat", 2)
    assert torch.isfinite(layer(nodes() * 1e6, adjacency())).all()


def test_gat_is_the_only_operator_that_loads_pytorch_geometric() -> None:
    import subprocess
    import sys

    code = (
        "import sys, recsmith.operators as o; [o.operator(n, 4) for n in o.OPERATORS if n != 'gat'];"
        "assert 'torch_geometric' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_edge_weights_count() -> None:
    weighted = Adjacency(from_edges(USERS, ITEMS, 2, 2, weight=np.array([1.0, 4.0, 1.0])))
    plain = operator("lightgcn", 2)(nodes(), adjacency())
    assert not torch.allclose(operator("lightgcn", 2)(nodes(), weighted), plain)
    assert pytest.approx(2 / 5**0.5 + 4 * 4 / 5) == operator("lightgcn", 2)(nodes(), weighted)[0, 0].item()


def test_gatconv_still_has_the_weights_that_we_read() -> None:
    assert {name for name, _ in GATConv(2, 2).named_parameters()} == {"lin.weight", "att_src", "att_dst", "bias"}
