"""What a step minimises, against sums worked out pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recsmith.engine.objective import l2, scores
from recsmith.engine.propagate import Gather
from recsmith.engine.sampling import Sampler
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.architecture import Gnn

USERS, ITEMS = 30, 40
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def graph() -> Graph:
    keys = np.random.default_rng(1).choice(USERS * ITEMS, 200, replace=False)
    return from_edges(keys // ITEMS, keys % ITEMS, USERS, ITEMS)


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
