"""What a step minimises, against sums worked out pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recsmith.engine.batch.pairs import Pairs
from recsmith.engine.batch.sampling import Batch, Sampler
from recsmith.engine.batch.view import View
from recsmith.engine.network.gnn import Network
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.propagate import Gather
from recsmith.engine.train.objective import Objective, hardest, l2, scores
from recsmith.graph.graph import Graph, from_edges
from recsmith.losses import LOSSES
from recsmith.model.architecture import Gnn
from recsmith.model.names import CONTRASTS, NEGATIVES

USERS, ITEMS = 30, 40
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def graph() -> Graph:
    keys = np.random.default_rng(1).choice(USERS * ITEMS, 200, replace=False)
    return from_edges(keys // ITEMS, keys % ITEMS, USERS, ITEMS)


def gnn(**knobs: object) -> Gnn:
    return Gnn.model_validate({"operators": ("lightgcn",), "dimension": 8} | knobs)


def objective(graph: Graph, architecture: Gnn, seed: int = 3) -> Objective:
    torch.manual_seed(seed)
    return Objective(architecture, Network(architecture, graph.n_users + graph.n_items), graph)


def view(graph: Graph, batch: Batch) -> View:
    adjacency = Adjacency(graph)
    return View(adjacency, Gather.of(batch.rows(adjacency.n_users), adjacency.n_nodes))


def batch_of(graph: Graph, architecture: Gnn, size: int = 60) -> Batch:
    return next(Sampler(graph, architecture, size, 1, CPU).epoch())


def own(graph: Graph) -> torch.Tensor:
    return torch.from_numpy(graph.binary.toarray() > 0)


@pytest.mark.parametrize("negatives", [1, 4])
def test_the_scores_of_a_batch_are_dot_products_pair_by_pair(graph: Graph, negatives: int) -> None:
    vectors = torch.randn(USERS + ITEMS, 3)
    for batch in Sampler(graph, Gnn(negatives=negatives), 30, 1, CPU).epoch():
        positive, negative = scores(vectors[batch.rows(USERS)], batch)
        for k in range(batch.size):
            user, group = vectors[batch.users[k]], k // negatives
            assert positive[k].item() == pytest.approx(float(user @ vectors[USERS + batch.items[k]]), abs=1e-5)
            drawn = vectors[USERS + batch.negatives[group]] @ user
            drawn[batch.own[group, k % negatives]] = -torch.inf
            torch.testing.assert_close(negative[k], drawn)


def test_l2_is_half_the_squared_length_of_what_a_pair_touches() -> None:
    table = torch.tensor([[3.0, 4.0], [1.0, 0.0], [0.0, 2.0]])
    gather = Gather.of(torch.tensor([0, 0, 1, 1, 2, 2]), 3)
    assert l2(table, gather, 2).item() == pytest.approx((25 + 1 + 4) / 2)


@pytest.mark.parametrize("sampling", NEGATIVES)
@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_loss_goes_with_every_kind_of_negatives_and_reaches_all_weights(
    loss: str, sampling: str, graph: Graph
) -> None:
    architecture = gnn(loss=loss, sampling=sampling, negatives=4, log_q=True, temperature=0.5, margin=-0.9)
    step = objective(graph, architecture)
    for batch in Sampler(graph, architecture, 150, 1, CPU).epoch():
        value = step(view(graph, batch), batch)
        value.backward()
        assert value.shape == ()
        assert torch.isfinite(value)
    assert torch.isfinite(step.network.embeddings.grad).all()
    assert (step.network.embeddings.grad != 0).any(1).sum() > USERS


@pytest.mark.parametrize("sampling", NEGATIVES)
@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_one_pair_of_one_user_and_one_item_in_one_dimension_is_finite(loss: str, sampling: str) -> None:
    single = from_edges(np.array([0]), np.array([0]), 1, 1)
    architecture = gnn(dimension=1, loss=loss, sampling=sampling, negatives=3, log_q=True)
    batch = batch_of(single, architecture, size=8)
    value = objective(single, architecture)(view(single, batch), batch)
    value.backward()
    assert torch.isfinite(value)


@pytest.mark.parametrize(
    ("loss", "sampling"), [(loss, "uniform") for loss in sorted(LOSSES)] + [("bpr", "in_batch"), ("bpr", "hard")]
)
def test_parts_weighted_by_their_size_add_up_to_the_batch_where_the_objective_says_so(
    loss: str, sampling: str, graph: Graph
) -> None:
    architecture = gnn(loss=loss, sampling=sampling, negatives=4, weight_decay=0.1, temperature=0.5, log_q=True)
    step, batch = objective(graph, architecture), batch_of(graph, architecture, 61)
    whole = step(view(graph, batch), batch)
    parts = sum(step(view(graph, part), part) * part.size / batch.size for part in batch.parts(3))
    assert step.decomposes == (loss not in ("in_batch_softmax", "directau"))
    assert step.decomposes == (bool((parts - whole).abs() < 1e-6))


@pytest.mark.parametrize("contrast", CONTRASTS)
@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_the_value_is_worked_out_in_float32_where_layers_are_in_bfloat16(
    loss: str, contrast: str, graph: Graph
) -> None:
    architecture = gnn(operators=("dense",), loss=loss, contrast=contrast, contrast_noise=0.0, negatives=4)
    step, batch = objective(graph, architecture), batch_of(graph, architecture)
    exact = step(view(graph, batch), batch)
    with torch.autocast("cpu", torch.bfloat16):
        value = step(view(graph, batch), batch)
    value.backward()
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, exact, rtol=0.02, atol=0.02)
    assert torch.isfinite(step.network.embeddings.grad).all()


def test_an_empty_share_costs_nothing_and_gives_every_weight_a_gradient_of_zero(graph: Graph) -> None:
    batch = batch_of(graph, gnn(), 1).share(0, 2)
    step = objective(graph, gnn(operators=("sage",)))
    value = step(view(graph, batch), batch)
    value.backward()
    assert (batch.size, value.item()) == (0, 0)
    assert all((weights.grad == 0).all() for weights in step.parameters())


def test_the_temperature_divides_scores(graph: Graph) -> None:
    batch = batch_of(graph, gnn(negatives=4))
    vectors = torch.randn(USERS + ITEMS, 8)
    gather = Gather.of(batch.rows(USERS), USERS + ITEMS)
    half = objective(graph, gnn(loss="sampled_softmax", temperature=0.5)).ranking(vectors, gather, batch)
    scaled = objective(graph, gnn(loss="sampled_softmax")).ranking(vectors * 2**0.5, gather, batch)
    torch.testing.assert_close(half, scaled)


@pytest.mark.parametrize("loss", ["ccl", "directau"])
def test_losses_of_cosines_do_not_read_lengths_or_temperature(loss: str, graph: Graph) -> None:
    batch = batch_of(graph, gnn(loss=loss))
    vectors = torch.randn(USERS + ITEMS, 8)
    gather = Gather.of(batch.rows(USERS), USERS + ITEMS)
    one = objective(graph, gnn(loss=loss)).ranking(vectors, gather, batch)
    other = objective(graph, gnn(loss=loss, temperature=0.1)).ranking(
        vectors * torch.rand(USERS + ITEMS, 1).add(0.1), gather, batch
    )
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("log_q", [False, True])
def test_in_batch_softmax_is_the_surprise_among_the_items_of_the_batch_that_a_user_has_not(
    log_q: bool, graph: Graph
) -> None:
    architecture = gnn(loss="in_batch_softmax", log_q=log_q, temperature=0.5)
    batch, vectors = batch_of(graph, architecture, 90), torch.randn(USERS + ITEMS, 8)
    products = vectors[batch.users] @ vectors[USERS + batch.items].T / 0.5
    if log_q:
        products = products - torch.from_numpy(np.asarray(graph.binary.sum(0)) / 200).log().view(-1)[batch.items]
    masked = own(graph)[batch.users][:, batch.items]
    masked.fill_diagonal_(False)
    wanted = -products.masked_fill(masked, -torch.inf).log_softmax(1).diagonal().mean()
    found = objective(graph, architecture).ranking(vectors, Gather.of(batch.rows(USERS), USERS + ITEMS), batch)
    torch.testing.assert_close(found, wanted.float())


@pytest.mark.parametrize("negatives", [1, 4])
def test_log_q_is_taken_off_positives_and_negatives(graph: Graph, negatives: int) -> None:
    plain, corrected = (
        objective(graph, gnn(loss="sampled_softmax", sampling="popularity", negatives=negatives, log_q=on))
        for on in (False, True)
    )
    batch, vectors = batch_of(graph, plain.architecture, 61), torch.randn(USERS + ITEMS, 8)
    gather = Gather.of(batch.rows(USERS), USERS + ITEMS)
    # One more dimension, in which users are 1 and items the correction, gives the same scores.
    column = torch.cat([torch.ones(USERS), -corrected.log_q])
    torch.testing.assert_close(
        corrected.ranking(vectors, gather, batch),
        plain.ranking(torch.cat([vectors, column[:, None]], 1), gather, batch),
    )


@pytest.mark.parametrize("negatives", [1, 4])
def test_hard_negatives_are_the_highest_scored_of_their_pool(graph: Graph, negatives: int) -> None:
    batch = batch_of(graph, gnn(sampling="hard", hard_pool=5, negatives=negatives))
    vectors = torch.randn(USERS + ITEMS, 8)
    chosen, gather = hardest(vectors, Gather.of(batch.rows(USERS), USERS + ITEMS), batch)
    found = (vectors[batch.users][:, None] * vectors[USERS + batch.negatives.view(-1, 5)]).sum(2)
    wanted = batch.negatives.view(-1, 5).gather(1, found.argmax(1)[:, None])
    assert torch.equal(chosen.negatives.view(-1), wanted.view(-1))
    assert torch.equal(gather.rows, chosen.rows(USERS))


def test_a_candidate_that_the_user_has_is_not_chosen_while_there_is_another() -> None:
    users, items, negatives = torch.tensor([0]), torch.tensor([0]), torch.tensor([[1, 2]])
    batch = Batch(users, items, negatives, torch.tensor([[[True, False]]]), 1, Pairs(users, items, 3))
    vectors = torch.tensor([[1.0], [0.0], [9.0], [1.0]])
    assert hardest(vectors, Gather.of(batch.rows(1), 4), batch)[0].negatives.item() == 2


def test_the_part_without_propagation_is_all_of_it_where_there_is_no_contrast(graph: Graph) -> None:
    architecture = gnn(weight_decay=0.1)
    step, batch = objective(graph, architecture), batch_of(graph, architecture)
    seen = view(graph, batch)
    torch.testing.assert_close(step(seen, batch), step.of_vectors(step.network(seen.adjacency), seen, batch))


def test_a_view_of_some_nodes_gives_what_the_whole_graph_gives(graph: Graph) -> None:
    """Without layers a batch needs no more than its own nodes."""
    architecture = gnn(operators=(), weight_decay=0.1, negatives=4)
    step, batch = objective(graph, architecture), batch_of(graph, architecture)
    nodes, rows = torch.unique(batch.rows(USERS), return_inverse=True)
    part = View((), Gather.of(rows, len(nodes)), nodes)
    torch.testing.assert_close(step(part, batch), step(view(graph, batch), batch))
    torch.testing.assert_close(step.of_vectors(step.network.embeddings[nodes], part, batch), step(part, batch))
