"""The contrastive term, against the formula on whole tables."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from recsmith.engine.batch.sampling import Batch, Sampler
from recsmith.engine.batch.view import View
from recsmith.engine.network.gnn import Network
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.propagate import Gather
from recsmith.engine.train.contrast import contrast, info_nce, noise
from recsmith.engine.train.objective import Objective
from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.architecture import Gnn, architecture

USERS, ITEMS = 20, 30
every_contrast = pytest.mark.parametrize("kind", ["simgcl", "xsimgcl"])


@pytest.fixture(scope="module")
def graph() -> Graph:
    keys = np.random.default_rng(1).choice(USERS * ITEMS, 120, replace=False)
    return from_edges(keys // ITEMS, keys % ITEMS, USERS, ITEMS)


def gnn(kind: str, **knobs: object) -> Gnn:
    return Gnn.model_validate({"operators": ("lightgcn", "lightgcn"), "dimension": 8, "contrast": kind} | knobs)


def seen(graph: Graph, size: int = 50) -> tuple[View, Batch]:
    batch = next(Sampler(graph, Gnn(negatives=4), size, 1, torch.device("cpu")).epoch())
    adjacency = Adjacency(graph)
    return View(adjacency, Gather.of(batch.rows(USERS), adjacency.n_nodes)), batch


def objective(graph: Graph, knobs: Gnn) -> Objective:
    torch.manual_seed(3)
    return Objective(knobs, Network(knobs, USERS + ITEMS), graph)


def test_info_nce_is_the_surprise_at_the_own_other_view() -> None:
    first, second = torch.randn(6, 4), torch.randn(6, 4)
    cosines = normalize(first) @ normalize(second).T / 0.3
    torch.testing.assert_close(info_nce(first, second, 0.3), -cosines.log_softmax(1).diagonal().mean())


def test_info_nce_of_a_single_node_costs_nothing() -> None:
    assert info_nce(torch.randn(1, 4), torch.randn(1, 4), 0.2).item() == pytest.approx(0, abs=1e-6)


def test_closer_views_cost_less() -> None:
    first, away = torch.randn(6, 4), torch.randn(6, 4)
    assert info_nce(first, first + 0.1 * away, 0.2) < info_nce(first, first + away, 0.2)


def test_gradients_of_info_nce_are_those_of_finite_differences() -> None:
    inputs = tuple(torch.randn(5, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda one, other: info_nce(one, other, 0.5), inputs)


def test_xsimgcl_holds_the_vectors_against_a_layer_over_distinct_users_and_items(graph: Graph) -> None:
    view, batch = seen(graph)
    network = objective(graph, gnn("xsimgcl", contrast_layer=2)).network
    layers = network.layers(view.adjacency)
    vectors = network.combine(layers)
    users, items = batch.users.unique(), USERS + batch.items.unique()
    wanted = sum(info_nce(vectors[nodes], layers[2][nodes], 0.2) for nodes in (users, items))
    torch.testing.assert_close(contrast(network, layers, vectors, view, batch), wanted)


def test_simgcl_holds_two_noisy_passes_against_each_other(graph: Graph) -> None:
    view, batch = seen(graph)
    network = objective(graph, gnn("simgcl")).network
    layers = network.layers(view.adjacency)
    torch.manual_seed(5)
    first, second = (network(view.adjacency, noise=0.1) for _ in range(2))
    torch.manual_seed(5)
    found = contrast(network, layers, network.combine(layers), view, batch)
    users, items = batch.users.unique(), USERS + batch.items.unique()
    torch.testing.assert_close(found, sum(info_nce(first[nodes], second[nodes], 0.2) for nodes in (users, items)))


def test_the_pass_that_is_ranked_is_noisy_in_xsimgcl_only(graph: Graph) -> None:
    lengths = {kind: noise(objective(graph, gnn(kind)).network) for kind in ("none", "simgcl", "xsimgcl")}
    assert lengths == {"none": 0, "simgcl": 0, "xsimgcl": 0.1}


@every_contrast
def test_the_contrast_is_added_with_its_weight(kind: str, graph: Graph) -> None:
    view, batch = seen(graph)
    knobs = [gnn(kind, contrast_weight=weight, contrast_noise=0.0) for weight in (0.0, 1.0, 2.0)]
    none, once, twice = (objective(graph, each)(view, batch) for each in knobs)
    assert once > none
    torch.testing.assert_close(twice - none, 2 * (once - none))


@every_contrast
def test_the_contrast_reaches_all_weights_and_does_not_decompose(kind: str, graph: Graph) -> None:
    view, batch = seen(graph)
    step = objective(graph, gnn(kind, operators=("gcn", "gcn")))
    step(view, batch).backward()
    assert all(torch.isfinite(weights.grad).all() for weights in step.parameters())
    assert not step.decomposes


@pytest.mark.parametrize("knobs", [{"contrast_layer": 3}, {"operators": ()}, {"combination": "concat"}])
def test_xsimgcl_without_a_layer_of_the_same_width_is_refused(knobs: dict[str, object]) -> None:
    given = {"operators": ["lightgcn", "lightgcn"], "contrast": "xsimgcl"} | knobs
    with pytest.raises(UserError, match="xsimgcl"):
        architecture(given)
