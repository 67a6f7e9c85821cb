"""The demo is the same everywhere, can be learnt from, and its truth is the best anyone can do."""

from __future__ import annotations

import time
from functools import lru_cache

import numpy as np
import pytest

from recsmith.config.ingest import Demo
from recsmith.sources.demo import START, generate, item_ids, true_scores, user_ids
from recsmith.tables import columns as c

TINY = Demo(users=20, items=30, interactions_per_user=8.0)


BIG = Demo(users=300, items=400)


@lru_cache
def big() -> tuple[np.ndarray, np.ndarray]:
    return matrices(BIG)


def matrices(demo: Demo) -> tuple[np.ndarray, np.ndarray]:
    """(U, I) what each had before their last fifth, and in it."""
    user = {name: n for n, name in enumerate(user_ids(demo))}
    item = {name: n for n, name in enumerate(item_ids(demo))}
    before, after = np.zeros((2, demo.users, demo.items))
    rows = sorted(generate(demo).interactions.to_pylist(), key=lambda row: (row[c.USER], row[c.TIMESTAMP]))
    by_user: dict[str, list[str]] = {}
    for row in rows:
        by_user.setdefault(row[c.USER], []).append(row[c.ITEM])
    for name, items in by_user.items():
        cut = int(np.ceil(0.8 * len(items)))
        before[user[name], [item[i] for i in items[:cut]]] = 1
        after[user[name], [item[i] for i in items[cut:]]] = 1
    return before, after


def ndcg(scores: np.ndarray, before: np.ndarray, after: np.ndarray, k: int = 20) -> float:
    top = np.argsort(-np.where(before > 0, -np.inf, scores), axis=1, kind="stable")[:, :k]
    discount = 1 / np.log2(np.arange(k) + 2)
    gained = (np.take_along_axis(after, top, 1) * discount).sum(1)
    best = np.array([discount[: min(k, int(count))].sum() for count in after.sum(1)])
    return float((gained[best > 0] / best[best > 0]).mean())


def test_equal_settings_give_an_equal_market_and_another_seed_another() -> None:
    assert generate(TINY).interactions.equals(generate(TINY.model_copy()).interactions)
    assert not generate(TINY).interactions.equals(generate(TINY.model_copy(update={"seed": 2})).interactions)


def test_nobody_has_a_product_twice_and_everyone_has_a_few() -> None:
    rows = generate(TINY).interactions.to_pylist()
    pairs = [(row[c.USER], row[c.ITEM]) for row in rows]
    assert len(set(pairs)) == len(pairs)
    counts = [sum(user == row[c.USER] for row in rows) for user in user_ids(TINY)]
    assert min(counts) >= 5


def test_every_row_has_a_time_in_the_year_an_event_and_a_weight() -> None:
    rows = generate(TINY).interactions.to_pylist()
    assert all(START <= row[c.TIMESTAMP] < START + 365 * 86_400 for row in rows)
    assert {(row[c.EVENT], row[c.WEIGHT]) for row in rows} == {("view", 1.0), ("cart", 2.0), ("buy", 3.0)}


def test_products_have_titles_of_their_own() -> None:
    items = generate(TINY).items
    assert len(set(items[c.TITLE].to_pylist())) == TINY.items
    assert items.column_names == ["item_id", "title", "category", "price_band"]


def test_a_small_market_takes_milliseconds() -> None:
    took = []
    for seed in range(5):
        started = time.perf_counter()
        generate(TINY.model_copy(update={"seed": 100 + seed}))
        took.append(time.perf_counter() - started)
    assert min(took) < 0.2


def test_popularity_has_a_long_tail() -> None:
    before, _ = big()
    share = np.sort(before.sum(0))[::-1].cumsum() / before.sum()
    assert 0.25 < share[len(share) // 10] < 0.8


def test_a_factorisation_beats_popularity_and_stays_below_the_truth() -> None:
    demo = BIG
    before, after = big()
    left, values, right = np.linalg.svd(before, full_matrices=False)
    popular = ndcg(np.tile(before.sum(0), (demo.users, 1)), before, after)
    learnt = ndcg((left[:, :8] * values[:8]) @ right[:8], before, after)
    best = ndcg(true_scores(demo, user_ids(demo), item_ids(demo)), before, after)
    assert popular * 1.4 < learnt < best * 0.95


def test_the_truth_ranks_better_than_any_disturbance_of_it() -> None:
    demo = BIG
    before, after = big()
    truth = np.log(true_scores(demo, user_ids(demo), item_ids(demo)) + 1e-12)
    rng = np.random.default_rng(0)
    disturbed = [ndcg(truth + size * rng.normal(size=truth.shape), before, after) for size in (0.5, 1.0, 2.0)]
    assert ndcg(truth, before, after) > max(disturbed)


def test_true_scores_are_probabilities_and_follow_time_and_the_order_asked_for() -> None:
    users, items = user_ids(TINY), item_ids(TINY)
    whole = true_scores(TINY, users, items)
    assert whole.sum(1) == pytest.approx(np.ones(TINY.users))
    assert np.array_equal(true_scores(TINY, users[::-1], items[:5]), whole[::-1, :5])
    assert not np.array_equal(true_scores(TINY, users, items, [START + 86_400] * TINY.users), whole)
