"""An index finds nearly all that a scan finds, obeys every filter, and says how much it finds."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recsmith.__main__ import main
from recsmith.compress import index as indexes
from recsmith.compress import pack
from recsmith.compress.new_items import Arrivals, extended
from recsmith.compress.quantised import quantise
from recsmith.config.compress import Index
from recsmith.errors import UserError
from recsmith.serving.bundle import load
from recsmith.serving.inverted import InvertedLists
from recsmith.serving.model import Batch, ServingModel, top_k
from recsmith.serving.tables import SparseTable, Table

ITEMS, USERS, RANK, GROUPS = 4000, 300, 16, 60


def vectors(count: int, rng: np.random.Generator) -> np.ndarray:
    """People and items lie around the same centres."""
    centres = np.random.default_rng(5).normal(size=(GROUPS, RANK))
    own = rng.integers(0, GROUPS, count)
    return (centres[own] + 0.4 * rng.normal(size=(count, RANK))).astype(np.float32)


def exact_model() -> ServingModel:
    rng = np.random.default_rng(0)
    return ServingModel(
        np.ones(ITEMS, np.float32), quantise(vectors(ITEMS, rng)), user_vectors=Table(vectors(USERS, rng))
    )


def people() -> Batch:
    """Eight items each, ascending."""
    rng = np.random.default_rng(1)
    rows = np.sort([rng.choice(ITEMS, 8, replace=False) for _ in range(USERS)], axis=1)
    return Batch(8 * np.arange(USERS + 1), rows.ravel().astype(np.int32), None, np.arange(USERS))


@pytest.fixture(scope="module")
def found() -> indexes.Indexed:
    return indexes.indexed(exact_model(), people(), Index(kind="ivf", recall=0.9), 7)


def one(
    model: ServingModel, user: int, k: int = 20, *, allow: np.ndarray | None = None, block: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    items, scores = top_k(model, people().part(user, user + 1), k, allow=allow, block=block)
    return items[0], scores[0]


def test_recall_is_what_comparing_with_the_scan_says_and_few_lists_are_looked_into(found: indexes.Indexed) -> None:
    index = found.model.index
    assert index is not None
    shares = [len(set(one(found.model, user)[0]) & set(one(exact_model(), user)[0])) / 20 for user in range(USERS)]
    assert found.said["recall@20"] == pytest.approx(np.mean(shares), abs=0.03)
    assert found.said["recall@20"] > 0.85
    assert found.said["kind"] == "ivf"
    assert index.probes < len(index.centroids) / 4
    assert np.array_equal(np.sort(index.items), np.arange(ITEMS))


def test_scores_are_exact_and_looking_into_all_lists_is_the_scan(found: indexes.Indexed) -> None:
    index, scan = found.model.index, exact_model()
    assert index is not None
    every = replace(scan, index=replace(index, probes=len(index.centroids)))
    for user in range(30):
        items, scores = one(every, user)
        assert np.array_equal(items, one(scan, user)[0])
        some, given = one(found.model, user)
        everything = dict(zip(*(part.tolist() for part in one(scan, user, ITEMS - 8)), strict=True))
        np.testing.assert_allclose(given, [everything[item] for item in some.tolist()], rtol=1e-5)
        assert (np.diff(scores) <= 0).all()


def test_what_was_seen_or_is_blocked_is_left_out_and_a_list_stays_full(found: indexes.Indexed) -> None:
    for user in range(30):
        first, scores = one(found.model, user)
        assert not set(first) & set(people().part(user, user + 1).indices)
        without, left = one(found.model, user, block=first[:10])
        assert not set(without) & set(first[:10])
        assert (without >= 0).all()
        # Where too few are left in the lists everything is scanned, and finds more.
        assert (left[:10] >= scores[10:]).all()


def test_with_an_allow_list_the_scan_is_exact(found: indexes.Indexed) -> None:
    allow = np.random.default_rng(2).choice(ITEMS, 200, replace=False)
    for user in range(30):
        assert np.array_equal(one(found.model, user, allow=allow)[0], one(exact_model(), user, allow=allow)[0])


def test_where_the_lists_do_not_fill_a_list_everything_is_scanned(found: indexes.Indexed) -> None:
    blocked = np.arange(ITEMS - 60)
    for user in range(5):
        assert np.array_equal(one(found.model, user, block=blocked)[0], one(exact_model(), user, block=blocked)[0])
    assert np.array_equal(one(found.model, 0, ITEMS)[0], one(exact_model(), 0, ITEMS)[0])


def test_many_queries_at_once_and_empty_histories_are_exact(found: indexes.Indexed) -> None:
    assert np.array_equal(top_k(found.model, people(), 20)[0], top_k(exact_model(), people(), 20)[0])
    nobody = Batch(np.array([0, 0]), np.zeros(0, np.int32), None, np.array([-1]))
    assert top_k(found.model, nobody, 5)[0].tolist() == [[0, 1, 2, 3, 4]]


def test_a_bundle_keeps_its_index_and_says_what_it_finds(
    found: indexes.Indexed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = pack.People([f"u{n}" for n in range(USERS)], people())
    pack.write(tmp_path / "b", found.model, [f"i{n}" for n in range(ITEMS)], known, {"index": found.said})
    bundle = load(tmp_path / "b")
    for user in range(10):
        assert np.array_equal(bundle.recommend([f"u{user}"], 20).items[0], one(found.model, user)[0])
    assert bundle.manifest["model_bytes"] == found.model.model_bytes > exact_model().model_bytes
    assert main(["inspect", str(tmp_path / "b"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["manifest"]["index"] == found.said
    assert told["bytes"]["model"] == found.model.model_bytes
    share = f"recall@20 {found.said['recall@20']:.4f} against the exact scan"
    assert main(["inspect", str(tmp_path / "b")]) == 0
    assert share in capsys.readouterr().out
    assert main(["recommend", "--bundle", str(tmp_path / "b"), "--history", "i1,i2"]) == 0
    assert share in capsys.readouterr().err


def test_an_index_that_does_not_fit_is_refused(found: indexes.Indexed) -> None:
    index = found.model.index
    assert index is not None
    twice = index.items.copy()
    twice[0] = twice[1]
    broken: list[InvertedLists] = [
        replace(index, items=twice),
        replace(index, items=index.items[:-1]),
        replace(index, offsets=index.offsets[::-1]),
        replace(index, probes=0),
        replace(index, probes=len(index.centroids) + 1),
        replace(index, centroids=index.centroids[:, 1:]),
        replace(index, centroids=np.full_like(index.centroids, np.nan)),
    ]
    index.check((ITEMS, RANK))
    for one_of in broken:
        with pytest.raises(UserError, match="do not fit the item vectors"):
            one_of.check((ITEMS, RANK))


def test_items_that_came_later_are_in_no_list_and_always_looked_at(found: indexes.Indexed) -> None:
    new = Arrivals(np.repeat(np.arange(USERS), 1), np.zeros(USERS, np.int64), 1)
    model, histories = extended(found.model, people(), new)
    assert model.index is not None
    assert (model.n_items, len(model.index.items)) == (ITEMS + 1, ITEMS)
    model.index.check((ITEMS + 1, RANK))
    assert all(ITEMS in model.index.near(query, ITEMS + 1) for query in np.eye(RANK, dtype=np.float32))
    assert top_k(model, histories.part(0, 1), 20)[0].shape == (1, 20)


def test_an_index_is_made_where_the_catalogue_is_large_and_the_recipe_has_vectors_alone() -> None:
    model = exact_model()
    for params in (Index(), Index(kind="exact", items=1)):
        assert indexes.indexed(model, people(), params, 7) == indexes.Indexed(model, {"kind": "exact"})
    small = indexes.indexed(model, people(), Index(items=ITEMS, recall=0.5), 7)
    assert small.said["kind"] == "ivf"
    table = SparseTable(np.zeros(ITEMS + 1, np.uint16), np.zeros(0, np.uint16), np.zeros(0, np.float32), ITEMS)
    entries = replace(model, sparse=table)
    assert indexes.indexed(entries, people(), Index(items=1), 7).said == {"kind": "exact"}
    with pytest.raises(UserError, match=r"compress\.index\.kind = 'ivf': .* item-item entries"):
        indexes.indexed(entries, people(), Index(kind="ivf"), 7)
    with pytest.raises(UserError, match="too few histories to measure an index on"):
        indexes.indexed(model, Batch(np.array([0, 0]), np.zeros(0, np.int32)), Index(kind="ivf"), 7)


def test_an_index_that_must_look_nearly_everywhere_is_made_only_where_it_is_asked_for() -> None:
    rng = np.random.default_rng(0)
    items, users = (rng.normal(size=(count, RANK)).astype(np.float32) for count in (ITEMS, USERS))
    model = ServingModel(np.ones(ITEMS, np.float32), quantise(items), user_vectors=Table(users))
    assert indexes.indexed(model, people(), Index(items=1), 7).said == {"kind": "exact"}
    asked = indexes.indexed(model, people(), Index(kind="ivf"), 7)
    assert asked.said["probes"] > asked.said["lists"] / 8
    assert asked.said["recall@20"] > 0.95


def test_the_same_seed_makes_the_same_index(found: indexes.Indexed) -> None:
    again = indexes.indexed(exact_model(), people(), Index(kind="ivf", recall=0.9), 7)
    assert again.said == found.said
    assert again.model.index is not None
    assert found.model.index is not None
    assert np.array_equal(again.model.index.items, found.model.index.items)
