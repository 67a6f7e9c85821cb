"""Batches and negatives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recsmith.engine.batch.negatives import chances, log_q, proposal
from recsmith.engine.batch.pairs import distinct
from recsmith.engine.batch.sampling import Batch, Sampler
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
    drawn, _ = sampler.draw(torch.zeros(60_000, dtype=torch.int64), proposal(graph(), 0.0, CPU))
    free = np.flatnonzero(graph().binary[0].toarray()[0] == 0)
    counts = np.bincount(drawn.numpy(), minlength=30)
    assert counts[free].sum() == 60_000
    expected = 60_000 / len(free)
    assert (np.abs(counts[free] - expected) < 5 * expected**0.5).all()


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_items_are_proposed_in_proportion_to_a_power_of_their_count(power: float) -> None:
    drawn = proposal(graph(), power, CPU)(60_000, torch.Generator().manual_seed(1))
    wanted = np.asarray(graph().binary.sum(0)).ravel() ** power
    expected = 60_000 * wanted / wanted.sum()
    assert (np.abs(np.bincount(drawn.numpy(), minlength=30) - expected) < 5 * expected**0.5 + 1e-9).all()


def test_items_that_nobody_touched_are_proposed_only_where_popularity_does_not_count() -> None:
    lonely = from_edges(np.array([0, 1]), np.array([1, 2]), 2, 5)
    drawn = proposal(lonely, 0.5, CPU)(1000, torch.Generator().manual_seed(1))
    assert set(drawn.tolist()) == {1, 2}
    assert chances(lonely, 0.0).tolist() == [0.2] * 5


def test_in_batch_negatives_are_items_of_the_batch() -> None:
    for batch in Sampler(graph(), Gnn(sampling="in_batch", negatives=4), 20, 1, CPU).epoch():
        assert set(batch.negatives.view(-1).tolist()) <= set(batch.items.tolist())
        assert not batch.own.diagonal(dim1=1, dim2=2).all()


@pytest.mark.parametrize(
    "knobs", [{}, {"sampling": "popularity"}, {"sampling": "popularity", "popularity_exponent": 1.0}]
)
def test_log_q_is_how_often_each_item_is_drawn_as_a_negative(knobs: dict[str, str | float]) -> None:
    architecture = Gnn.model_validate(knobs | {"negatives": 4})
    sampler = Sampler(graph(), architecture, 90, 1, CPU)
    counts = sum(
        torch.bincount(batch.negatives.view(-1), minlength=30) for _ in range(1500) for batch in sampler.epoch()
    )
    assert isinstance(counts, torch.Tensor)
    expected = counts.sum() * log_q(graph(), architecture).exp()
    assert ((counts - expected).abs() < 5 * expected**0.5).all()


def test_log_q_of_items_of_the_batch_is_their_share_of_the_pairs() -> None:
    counts = torch.from_numpy(np.asarray(graph().binary.sum(0))).view(-1)
    torch.testing.assert_close(log_q(graph(), Gnn(loss="in_batch_softmax")).exp(), counts / 90)


def test_log_q_is_finite_where_a_user_has_everything_and_an_item_everybody() -> None:
    full = from_edges(np.array([0, 0, 1]), np.array([0, 1, 0]), 2, 3)
    for loss in ("sampled_softmax", "in_batch_softmax"):
        assert torch.isfinite(log_q(full, Gnn(loss=loss))).all()


@pytest.mark.parametrize("negatives", [1, 4])
def test_hard_candidates_come_in_pools_none_of_which_is_an_item_of_its_user(negatives: int) -> None:
    known = graph().binary.toarray() > 0
    for batch in Sampler(graph(), Gnn(sampling="hard", hard_pool=5, negatives=negatives), 40, 1, CPU).epoch():
        pools = batch.negatives.view(-1, 5).numpy()
        assert pools.shape == (len(batch.users), 5)
        assert not known[batch.users.numpy()[:, None], pools].any()
        assert not batch.own.any()
        assert batch.own.shape == (len(batch.negatives), negatives, 5)


def test_the_chosen_candidates_stand_where_negatives_stand() -> None:
    known = graph().binary.toarray() > 0
    batch = next(Sampler(graph(), Gnn(sampling="hard", hard_pool=5, negatives=4), 40, 1, CPU).epoch())
    choice = torch.arange(len(batch.users)) % 5
    chosen = batch.chosen(choice)
    assert chosen.negatives.view(-1).tolist() == [
        batch.negatives.view(-1, 5)[k, c].item() for k, c in enumerate(choice)
    ]
    users = batch.users.view(-1, 4).numpy()
    assert (chosen.own.numpy() == known[users[:, :, None], chosen.negatives.numpy()[:, None, :]]).all()


@pytest.mark.parametrize("loss", ["in_batch_softmax", "directau"])
def test_losses_that_read_no_negatives_draw_none(loss: str) -> None:
    for batch in Sampler(graph(), Gnn(loss=loss, negatives=4), 40, 1, CPU).epoch():
        assert batch.negatives.shape == (batch.size, 0)
        assert len(batch.rows(100)) == 2 * batch.size


ANY = [
    Gnn(),
    Gnn(negatives=4),
    Gnn(loss="directau"),
    Gnn(sampling="hard", negatives=4, hard_pool=3),
    Gnn(sampling="in_batch", negatives=4),
    Gnn(sampling="popularity"),
]


@pytest.mark.parametrize("architecture", ANY)
@pytest.mark.parametrize("world", [1, 2, 3, 100])
def test_the_shares_of_all_processes_are_the_batch(architecture: Gnn, world: int) -> None:
    for batch in Sampler(graph(), architecture, 41, 1, CPU).epoch():
        shares = [batch.share(rank, world) for rank in range(world)]
        assert sum(share.size for share in shares) == batch.size
        counted = [pair for share in shares for pair in pairs(share.users[: share.size], share.items[: share.size])]
        assert counted == pairs(batch.users[: batch.size], batch.items[: batch.size])
        for name in ("negatives", "own"):
            assert torch.equal(torch.cat([getattr(share, name) for share in shares]), getattr(batch, name))


def test_parts_are_the_shares_that_hold_something() -> None:
    batch = batches(4, 40)[0]
    assert [part.size for part in batch.parts(3)] == [12, 12, 16]
    assert [part.size for part in batch.parts(100)] == [4] * 10


@pytest.mark.parametrize("architecture", ANY)
def test_a_sampler_goes_on_where_its_state_was_taken(architecture: Gnn) -> None:
    sampler, other = (Sampler(graph(), architecture, 40, seed, CPU) for seed in (1, 2))
    list(sampler.epoch())
    state = sampler.state()
    wanted = list(sampler.epoch())
    other.restore(state)
    for batch, again in zip(wanted, other.epoch(), strict=True):
        assert torch.equal(batch.rows(100), again.rows(100))


@pytest.mark.parametrize("architecture", ANY)
def test_a_catalogue_of_one_item_gives_marked_negatives(architecture: Gnn) -> None:
    single = from_edges(np.array([0, 1, 2]), np.zeros(3, int), 4, 1)
    for batch in Sampler(single, architecture, 8, 1, CPU).epoch():
        assert batch.own.all()


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30))
def test_distinct_finds_first_places_in_ascending_order_of_ids(ids: list[int]) -> None:
    first, place = distinct(torch.tensor(ids))
    assert [ids[k] for k in first] == sorted(set(ids))
    assert [ids.index(ids[k]) for k in first] == first.tolist()
    assert torch.tensor(ids)[first][place].tolist() == ids


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
    wanted = [[(user, item) in edges for item in range(100)] for user in range(10)]
    assert sampler.pairs.contain(torch.arange(10)[:, None], torch.arange(100)).tolist() == wanted
