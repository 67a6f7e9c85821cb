"""The incumbent's bundle on today's test: asked by id, never for what it has learnt already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from serving.small_bundles import N_ITEMS, N_USERS, histories, make_bundle

from recsmith.config.evaluate import Evaluate
from recsmith.engine.rank.ranking import top_lists
from recsmith.evaluation.incumbent import Served, contest, unlearnt
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import from_pairs
from recsmith.serving.bundle import load

USERS = ["new", *(f"u{n}" for n in range(N_USERS))]
ITEMS = [*(f"i{n:02}" for n in reversed(range(N_ITEMS))), "young"]
METRICS = ("ndcg@5", "recall@5")


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(load(make_bundle(tmp_path / "bundle")), USERS, ITEMS)


@pytest.fixture
def seen() -> Graph:
    """What the bundle's people had touched, by today's ids, and one item that the first of them touched since."""
    batch = histories()
    users = np.concatenate((batch.rows + 1, [1]))
    items = np.concatenate((N_ITEMS - 1 - batch.indices, [N_ITEMS]))
    return from_edges(users, items, len(USERS), len(ITEMS))


def test_lists_are_those_that_the_bundle_serves(served: Served, seen: Graph) -> None:
    lists = top_lists(served, np.arange(len(USERS)), 6, seen, memory_mb=100)
    recommended = served.bundle.recommend(USERS, 6).items
    for user in (place for place, name in enumerate(USERS) if name not in ("new", "u0", "u5")):  # popularity has ties
        assert [ITEMS[item] for item in lists[user]] == [served.bundle.items[item] for item in recommended[user]]
    assert ITEMS.index("young") not in lists, "nobody is served what the bundle does not know"
    assert [ITEMS[item] for item in lists[0]][:1] == ["i00"], "who came later gets the most popular"


def test_pairs_that_were_learnt_already_are_not_asked_for(served: Served, seen: Graph) -> None:
    batch = histories()
    known = N_ITEMS - 1 - int(batch.indices[0])
    relevant = from_pairs(np.array([1, 1, 2]), np.array([known, N_ITEMS, N_ITEMS + 5]), len(USERS), len(ITEMS))
    asked = unlearnt(relevant, served.learnt())
    assert asked.indices.tolist() == [N_ITEMS]
    assert asked.n_relevant[[1, 2]].tolist() == [1, 1]
    lists = np.full((2, 5), -1, np.int32)
    lists[0, 0] = N_ITEMS
    found = contest(lists, served, relevant, seen, METRICS, Evaluate(bootstrap=200), 1, 100)
    assert (found["users"], found["learnt_already"]) == (2, 1)
    assert found["metrics"] == {
        "challenger": {"ndcg@5": 0.5, "recall@5": 0.5},
        "champion": {"ndcg@5": 0.0, "recall@5": 0.0},
    }
    assert found["paired"]["ndcg@5"]["difference"] == 0.5
