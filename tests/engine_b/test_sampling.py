"""Batches and negatives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recsmith.engine.sampling import Batch, Sampler
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.architecture import Gnn

CPU = torch.device("cpu")


def graph(users: int = 12, items: int = 30, edges: int = 90) -> Graph:
    keys = np.random.default_rng(2).choice(users * items, edges, replace=False)
    return from_edges(keys // items, keys % items, users, items)


def pairs(users: torch.Tensor, items: torch.Tensor) -> list[tuple[int, int]]:
    return list(zip(users.tolist(), items.tolist(), strict=True))


def batches(negatives: int = 1, size: int = 40, seed: int = 1) -> list[Batch]:
    return list(Sampler(graph(), Gnn(negatives=negatives), size, seed, CPU).epoch())


@pytest.mark.parametrize("size", [1, 7, 40, 90, 1000])
@pytest.mark.parametrize("negatives", [1, 4, 64])
def test_an_epoch_holds_every_pair_exactly_once(size: int, negatives: int) -> None:
    seen = [pair for b in batches(negatives, size) for pair in pairs(b.users[: b.size], b.items[: b.size])]
    assert sorted(seen) == sorted(zip(*map(list, graph().binary.nonzero()), strict=True))


def test_a_pair_of_two_events_is_one_pair() -> None:
    doubled = from_edges(np.array([0, 0, 1]), np.array([1, 1, 0]), 2, 2, event=np.array([0, 1, 0]), events=("a", "b"))
    assert sum(batch.size for batch in Sampler(doubled, Gnn(negatives=1), 8, 1, CPU).epoch()) == 2


@pytest.mark.parametrize("negatives", [1, 4, 64])
def test_negatives_are_marked_where_the_user_has_them_and_nowhere_else(negatives: int) -> None:
    known = graph().binary.toarray() > 0
    for batch in batches(negatives):
        users = batch.users.view(-1, negatives).numpy()
        assert (batch.own.numpy() == known[users[:, :, None], batch.negatives.numpy()[:, None, :]]).all()


def test_the_draw_of_an_interaction_is_never_an_item_of_its_user() -> None:
    for batch in batches(4):
        assert not batch.own.diagonal(dim1=1, dim2=2).any()


def test_negatives_are_uniform_over_the_items_that_a_user_has_not() -> None:
    sampler = Sampler(graph(), Gnn(negatives=1), 10, 5, CPU)
    drawn, _ = sampler.draw(torch.zeros(60_000, dtype=torch.int64))
    free = np.flatnonzero(graph().binary[0].toarray()[0] == 0)
    counts = np.bincount(drawn.numpy(), minlength=30)
    assert counts[free].sum() == 60_000
    expected = 60_000 / len(free)
    assert (np.abs(counts[free] - expected) < 5 * expected**0.5).all()


def test_a_user_of_everything_gets_marked_negatives_and_no_endless_loop() -> None:
    full = from_edges(np.array([0, 0, 0, 1]), np.array([0, 1, 2, 0]), 2, 3)
    for batch in Sampler(full, Gnn(negatives=1), 4, 1, CPU).epoch():
        assert batch.own.view(-1).tolist() == (batch.users == 0).tolist()


def test_equal_seeds_draw_equally_and_others_do_not() -> None:
    first, again, other = (batches(2, 40, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first.users, again.users)
    assert torch.equal(first.negatives, again.negatives)
    assert not torch.equal(first.negatives, other.negatives)


def test_every_epoch_has_an_order_of_its_own() -> None:
    sampler = Sampler(graph(), Gnn(negatives=1), 90, 1, CPU)
    assert not torch.equal(next(sampler.epoch()).items, next(sampler.epoch()).items)


def test_rows_number_users_first_then_items() -> None:
    batch = batches(2)[0]
    users, items, negatives = batch.rows(100).view(3, -1)
    assert torch.equal(users, batch.users)
    assert torch.equal(items, batch.items + 100)
    assert torch.equal(negatives, batch.negatives.view(-1) + 100)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 99)), min_size=1), st.integers(0, 2**31))
def test_membership_is_exact_for_any_set_of_pairs(edges: set[tuple[int, int]], seed: int) -> None:
    users, items = np.array(sorted(edges)).T
    sampler = Sampler(from_edges(users, items, 10, 100), Gnn(negatives=1), 8, seed, CPU)
    asked = torch.arange(1000)
    wanted = [divmod(key, 100) in edges for key in range(1000)]
    assert sampler.pairs.contain(asked).tolist() == wanted
