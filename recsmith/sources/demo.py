"""The built-in demo: a seeded small marketplace whose truth is known.

Each person has a taste that drifts, each product a place in the same space, a popularity with a long tail, a trend and
a launch day. A person's next product is drawn with probability softmax(utility) among those launched and not yet had:
``utility = taste(t) . place + popularity + trend * t``. Ranking by utility is therefore the best that anyone could do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from recsmith.config.ingest import Demo, Ingest
from recsmith.sources import demo_names
from recsmith.sources.contract import SCHEMAS, Tables
from recsmith.tables import columns as c

START = 1_672_531_200
"""2023-01-01 in UTC seconds."""
DAYS = 365
SECONDS = DAYS * 86_400
TASTE = 2.2
"""Standard deviation of taste . place: how much people differ."""
TAIL = 0.75
"""Popularity falls with rank to this power."""
DRIFT = 0.6
"""How far tastes move within the year, in units of their own size."""
TREND = 0.5
LATE = 0.1
"""Share of products launched after the first day."""
EVENTS = ("view", "cart", "buy")
FEWEST = 5


@dataclass(frozen=True)
class World:
    """What is hidden from a recommender. Shapes: U users, I items, d dimensions."""

    taste: np.ndarray
    """(U, d) at the start of the year."""
    drift: np.ndarray
    """(U, d) change over the whole year."""
    place: np.ndarray
    """(I, d)"""
    popularity: np.ndarray
    """(I,)"""
    trend: np.ndarray
    """(I,)"""
    launch: np.ndarray
    """(I,) share of the year after which the product can be had."""
    category: np.ndarray
    """(I,) number of the product's category."""
    region: np.ndarray
    """(U,) number of the person's region."""
    times: tuple[np.ndarray, ...]
    """Per user, ascending shares of the year at which something happens."""

    def utility(self, user: int, times: np.ndarray) -> np.ndarray:
        """(n, I) utility of every product for one person at ``times`` (n,); -inf before its launch."""
        fixed = np.einsum("id,d->i", self.place, self.taste[user]) + self.popularity
        moving = np.einsum("id,d->i", self.place, self.drift[user]) + self.trend
        return np.where(self.launch <= times[:, None], fixed + times[:, None] * moving, -np.inf)


def world(demo: Demo) -> World:
    """The hidden truth of these settings; equal settings give an equal world."""
    return _world(demo.model_dump_json())


@lru_cache(maxsize=4)
def _world(settings: str) -> World:
    demo = Demo.model_validate_json(settings)
    rng = np.random.default_rng([demo.seed, 0])
    d, categories = demo.dimension, demo_names.categories(demo.items)
    centres = rng.normal(size=(categories, d))
    category = rng.integers(categories, size=demo.items)
    place = _unit(centres[category] + 0.7 * rng.normal(size=(demo.items, d)))
    region = rng.integers(len(demo_names.REGIONS), size=demo.users)
    leaning = rng.normal(size=(len(demo_names.REGIONS), d))
    taste = _unit(0.5 * leaning[region] + rng.normal(size=(demo.users, d)))
    size = TASTE * np.sqrt(d)
    rank = rng.permutation(demo.items)
    late = rng.random(demo.items) < LATE
    return World(
        taste=size * taste,
        drift=size * DRIFT * _unit(rng.normal(size=(demo.users, d))),
        place=place,
        popularity=-TAIL * np.log1p(rank),
        trend=TREND * rng.normal(size=demo.items),
        launch=np.where(late, rng.uniform(0.1, 0.8, size=demo.items), 0.0),
        category=category,
        region=region,
        times=_times(demo, rng),
    )


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.sqrt(np.einsum("nd,nd->n", vectors, vectors))[:, None]


def _times(demo: Demo, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """When each person is active: a long-tailed number of times between joining and the end of the year."""
    spread = rng.lognormal(mean=-0.18, sigma=0.6, size=demo.users)
    most = max(2, demo.items // 2)
    counts = np.clip(np.rint(demo.interactions_per_user * spread), min(FEWEST, most), most).astype(int)
    joined = rng.uniform(0.0, 0.7, size=demo.users)
    return tuple(np.sort(rng.uniform(start, 1.0, size=count)) for start, count in zip(joined, counts, strict=True))


def generate(demo: Demo) -> Tables:
    """The log of the marketplace: each person has a product at most once, with the furthest event it came to."""
    hidden = world(demo)
    parts = [_history(demo, hidden, user) for user in range(demo.users)]
    users = np.repeat(np.arange(demo.users), [len(items) for items, _, _ in parts])
    items, times, event = (np.concatenate([part[n] for part in parts]) for n in range(3))
    table = pa.table(
        {
            c.USER: pa.array(user_ids(demo)).take(pa.array(users)),
            c.ITEM: pa.array(item_ids(demo)).take(pa.array(items)),
            c.TIMESTAMP: pa.array(seconds(times)),
            c.WEIGHT: pa.array(event + 1.0),
            c.EVENT: pa.array(EVENTS).take(pa.array(event)),
            c.SPLIT: pa.nulls(len(users), pa.string()),
            c.POSITION: pa.nulls(len(users), pa.int64()),
        },
        schema=SCHEMAS["interactions"],
    )
    return Tables(interactions=table, users=_users(demo, hidden), items=_items(demo, hidden), rows={"demo": len(users)})


def _history(demo: Demo, hidden: World, user: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Items, times and events of one person: Gumbel noise on the utility makes each draw a softmax draw."""
    rng = np.random.default_rng([demo.seed, 1, user])
    times = hidden.times[user]
    utility = hidden.utility(user, times)
    noisy = utility + rng.gumbel(size=utility.shape)
    items = np.empty(len(times), dtype=np.int64)
    for n in range(len(times)):
        items[n] = noisy[n].argmax()
        noisy[n + 1 :, items[n]] = -np.inf
    liking = utility[np.arange(len(times)), items] - np.median(utility[np.isfinite(utility)])
    chance = 0.45 / (1.0 + np.exp(-0.5 * (liking - 3.0)))
    return items, times, (rng.random(len(times)) < chance).astype(int) + (rng.random(len(times)) < chance)


def seconds(times: np.ndarray) -> np.ndarray:
    """Shares of the year as UTC seconds."""
    return START + np.floor(times * SECONDS).astype(np.int64)


def user_ids(demo: Demo) -> list[str]:
    """All users, by their number."""
    return [f"u{n:0{len(str(demo.users))}d}" for n in range(1, demo.users + 1)]


def item_ids(demo: Demo) -> list[str]:
    """All products, by their number."""
    return [f"p{n:0{len(str(demo.items))}d}" for n in range(1, demo.items + 1)]


def true_scores(
    demo: Demo, users: Sequence[str], items: Sequence[str], timestamps: Sequence[int] | None = None
) -> np.ndarray:
    """(n_users, n_items) float64: the probability that a person's next interaction is with the product.

    ``timestamps`` (n_users,) are UTC seconds; without them each person's own last interaction. Probabilities are over
    the whole catalogue; what a person already had is for the caller to leave out, which keeps the order.
    """
    hidden = world(demo)
    user_number = {name: n for n, name in enumerate(user_ids(demo))}
    item_number = {name: n for n, name in enumerate(item_ids(demo))}
    columns = np.array([item_number[item] for item in items], dtype=np.int64)
    scores = np.empty((len(users), len(items)))
    for row, name in enumerate(users):
        user = user_number[name]
        when = hidden.times[user][-1] if timestamps is None else (timestamps[row] - START) / SECONDS
        scores[row] = _softmax(hidden.utility(user, np.array([when]))[0])[columns]
    return scores


def _softmax(utility: np.ndarray) -> np.ndarray:
    weights = np.exp(utility - utility.max())
    return weights / weights.sum()


def _users(demo: Demo, hidden: World) -> pa.Table:
    regions = [demo_names.REGIONS[n] for n in hidden.region]
    joined = [f"month {int(times[0] * 12) + 1}" for times in hidden.times]
    return pa.table({c.USER: user_ids(demo), "region": regions, "joined": joined})


def _items(demo: Demo, hidden: World) -> pa.Table:
    rng = np.random.default_rng([demo.seed, 2])
    titles, categories, prices = demo_names.products(hidden.category, rng)
    return pa.table({c.ITEM: item_ids(demo), c.TITLE: titles, "category": categories, "price_band": prices})


def read(params: Ingest, root: Path) -> Tables:
    """The demo with the settings of ``ingest.demo``; reads no file."""
    return generate(params.demo)
