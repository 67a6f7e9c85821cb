"""Each operator's formula, on a graph small enough to work out by hand or against an independent implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.nn import GATConv, GCNConv, LGConv, SAGEConv

from recsmith.engine.adjacency import Adjacency
from recsmith.graph.graph import from_edges
from recsmith.operators import operator
from recsmith.operators.gat import Gat

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
    layer, reference = operator("gcn", 2), GCNConv(2, 2)
    reference.lin.weight, reference.bias = layer.linear.weight, layer.linear.bias
    torch.testing.assert_close(layer(nodes(), adjacency()), reference(nodes(), edge_index()))


def test_sage_adds_the_mean_of_the_neighbours() -> None:
    layer, reference = operator("sage", 2), SAGEConv(2, 2)
    reference.lin_r.weight, reference.lin_l.bias = layer.own.weight, layer.own.bias
    reference.lin_l.weight = layer.neighbours.weight
    torch.testing.assert_close(layer(nodes(), adjacency()), reference(nodes(), edge_index()))


def gat_both_ways(layer: Gat, x: torch.Tensor, given: Adjacency) -> list[list[torch.Tensor]]:
    """Output and all gradients, through our product and through PyTorch Geometric's own messages."""
    pairs = torch.stack([given.edges.columns, given.edges.rows]).long()
    weight = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    results = []
    for run in (lambda: layer(x, given), lambda: layer.module(x, pairs)):
        x.grad = None
        layer.zero_grad()
        out = run()
        (out * weight).sum().backward()
        results.append([out.detach(), x.grad.clone(), *(p.grad.clone() for p in layer.parameters())])
    return results


def test_gat_equals_the_module_it_takes_its_weights_from_gradients_included() -> None:
    rng = np.random.default_rng(4)
    keys = rng.choice(40 * 30, 300, replace=False)
    given = Adjacency(from_edges(keys // 30, keys % 30, 40, 30))
    torch.manual_seed(1)
    layer = operator("gat", 8)
    assert isinstance(layer, Gat)
    ours, theirs = gat_both_ways(layer, torch.randn(70, 8, requires_grad=True), given)
    for mine, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, reference, atol=1e-4, rtol=1e-4)


def test_gat_stays_finite_where_logits_are_huge() -> None:
    layer = operator("gat", 2)
    assert torch.isfinite(layer(nodes() * 1e6, adjacency())).all()


def test_gat_is_the_only_operator_that_loads_pytorch_geometric() -> None:
    import subprocess
    import sys

    code = "import sys, recsmith.operators as o; o.operator('sage', 4); assert 'torch_geometric' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_edge_weights_count() -> None:
    weighted = Adjacency(from_edges(USERS, ITEMS, 2, 2, weight=np.array([1.0, 4.0, 1.0])))
    plain = operator("lightgcn", 2)(nodes(), adjacency())
    assert not torch.allclose(operator("lightgcn", 2)(nodes(), weighted), plain)
    assert pytest.approx(2 / 5**0.5 + 4 * 4 / 5) == operator("lightgcn", 2)(nodes(), weighted)[0, 0].item()


def test_gatconv_still_has_the_weights_that_we_read() -> None:
    assert {name for name, _ in GATConv(2, 2).named_parameters()} == {"lin.weight", "att_src", "att_dst", "bias"}
