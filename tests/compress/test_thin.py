"""Which edges go from a graph, and what is left of it."""

import numpy as np
import pytest
from planted_models import graph

from recsmith.compress.thin import thinned
from recsmith.graph.graph import from_edges


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_the_share_goes_and_nobody_is_left_alone(share: float) -> None:
    whole = graph()
    thin = thinned(whole, share)
    assert thin.n_edges == whole.n_edges - round(share * whole.n_edges)
    for before, after in zip(whole.degrees, thin.degrees, strict=True):
        assert np.array_equal(before > 0, after > 0)
    assert (whole.binary - thin.binary).min() == 0, "what is left was there before"


def test_first_edges_stay_however_large_the_share() -> None:
    whole = graph()
    thin = thinned(whole, 0.99)
    assert thin.n_edges > 0.01 * whole.n_edges
    for before, after in zip(whole.degrees, thin.degrees, strict=True):
        assert np.array_equal(before > 0, after > 0)


def test_edges_between_busy_people_and_popular_items_go_first() -> None:
    # User 0 touches everything and item 0 is touched by all; each other user has an item of its own beside item 0.
    users = np.array([*[0] * 6, *range(1, 6), *range(1, 6)])
    items = np.array([*range(6), *[0] * 5, *range(1, 6)])
    thin = thinned(from_edges(users, items, 6, 6), 1 / 16)
    gone = set(zip(users.tolist(), items.tolist(), strict=True)) - set(zip(*thin.binary.nonzero(), strict=True))
    assert gone == {(0, 0)}


def test_events_of_a_pair_go_and_stay_together_with_what_they_hold() -> None:
    pairs = np.array([(user, item) for user in range(4) for item in range(4)])
    users, items = np.repeat(pairs, 2, axis=0).T
    event, weight = np.tile([0, 1], 16), np.arange(32, dtype=np.float32) + 1
    whole = from_edges(users, items, 4, 4, weight=weight, event=event, timestamp=np.arange(32), events=("view", "buy"))
    thin = thinned(whole, 0.5)
    assert thin.n_edges == 16
    kept = np.repeat(np.arange(4), np.diff(thin.indptr)) * 4 + thin.indices
    assert np.array_equal(thin.weight, 2 * kept + thin.event + 1)
    assert np.array_equal(thin.timestamp, 2 * kept + thin.event)
    assert thin.events == ("view", "buy")


def test_the_order_of_the_edges_does_not_matter_and_the_graph_stays_as_it_was() -> None:
    whole = graph()
    users, items = whole.binary.nonzero()
    order = np.random.default_rng(0).permutation(len(users))
    again = from_edges(users[order], items[order], whole.n_users, whole.n_items)
    assert thinned(again, 0.4).hash == thinned(whole, 0.4).hash
    assert whole.hash == graph().hash
