import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from small_bundles import N_ITEMS, N_USERS, histories, model

from recsmith.compress import int4, int8, pack, reranked
from recsmith.compress.append_rows import appended
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.levels import quantise
from recsmith.compress.methods import Recipe
from recsmith.config.compress import Rerank
from recsmith.errors import UserError
from recsmith.serving import manifest as manifests
from recsmith.serving.bundle import MODEL, load
from recsmith.serving.contents import contents
from recsmith.serving.model import Batch, ServingModel, top_k
from recsmith.serving.reranked import RerankedTable
from recsmith.serving.tables import Table
from recsmith.serving.vector_table import COUNT

FAMILIES = ("gnn", "filter")
GIVEN = Calibration(histories())


def small(family: str, items: int) -> ServingModel:
    return reranked.compress(model(family), GIVEN, Knobs("reranked", rerank=Rerank(items=items)))


def one_by_one(served: ServingModel, k: int) -> np.ndarray:
    batch = histories()
    return np.concatenate([top_k(served, batch.part(n, n + 1), k)[0] for n in range(N_USERS)])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_short_list_as_long_as_the_catalogue_gives_the_exact_lists(family: str) -> None:
    exact, all_of_them = int8.compress(model(family), GIVEN, Knobs()), small(family, N_ITEMS)
    choices: list[dict[str, Any]] = [{}, {"seen": True}, {"allow": np.arange(3, 20)}, {"block": np.arange(10)}]
    for limits in choices:
        items, scores = top_k(exact, histories(), 10, **limits)
        found, values = top_k(all_of_them, histories(), 10, **limits)
        assert np.array_equal(found, items)
        np.testing.assert_allclose(values, scores, atol=1e-5)
    assert np.array_equal(one_by_one(all_of_them, 10), top_k(exact, histories(), 10)[0])


def test_what_is_listed_is_scored_by_the_finer_rows_and_filters_come_before_the_short_list() -> None:
    served = small("gnn", 3)
    allowed = np.array([1, 7, 9])
    items, scores = top_k(served, histories(), 3, allow=allowed, seen=True)
    assert (np.sort(items, axis=1) == allowed).all(axis=1)[np.diff(histories().indptr) > 0].all()
    full = int8.compress(model("gnn"), GIVEN, Knobs()).scores(histories())
    np.testing.assert_allclose(scores, np.take_along_axis(full, items.astype(np.int64), axis=1), atol=1e-5)
    assert (top_k(served, histories(), 8)[0][:, :8] >= 0).all()


def test_whoever_has_no_history_gets_the_popularity_list() -> None:
    nobody = Batch(np.zeros(2, np.int64), np.zeros(0, np.int64))
    assert np.array_equal(top_k(small("gnn", 5), nobody, 5)[0], top_k(model("gnn"), nobody, 5)[0])


def test_a_longer_short_list_finds_more_of_the_exact_list() -> None:
    rng = np.random.default_rng(0)
    items, users = (rng.normal(size=(n, 32)).astype(np.float32) for n in (2000, 50))
    people = Batch(np.arange(51), np.zeros(50, np.int64), None, np.arange(50))
    plain = ServingModel(np.ones(2000, np.float32), Table(items), user_vectors=Table(users))
    wanted = top_k(plain, people, 10)[0]

    def recall(count: int) -> float:
        table = RerankedTable(quantise(items, 1), Table(items), count)
        found = top_k(replace(plain, item_vectors=table), people, 10)[0]
        return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, wanted, strict=True)]))

    assert recall(10) < recall(100) < recall(2000) == 1
    assert recall(100) > 0.75


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_both_tables_are_weighed_and_the_finer_one_may_have_four_bits(precision: Literal["int8", "int4"]) -> None:
    knobs = Knobs("reranked", rerank=Rerank(precision=precision))
    finer = (int8 if precision == "int8" else int4).compress(model("gnn"), GIVEN, knobs)
    both = reranked.compress(model("gnn"), GIVEN, knobs)
    assert isinstance(both.item_vectors, RerankedTable)
    assert both.model_bytes == finer.model_bytes + both.item_vectors.scanned.nbytes + COUNT
    assert Recipe(knobs).name == f"int1, 200 re-ranked by {precision}"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_bundle_holds_both_and_refuses_any_flipped_byte(family: str, tmp_path: Path) -> None:
    served, folder = small(family, 6), tmp_path / "b"
    people = pack.People([f"u{n}" for n in range(N_USERS)], histories())
    meta = {"recipe": Recipe(Knobs("reranked", rerank=Rerank(items=6))).name}
    pack.write(folder, served, [f"i{n:02}" for n in range(N_ITEMS)], people, meta)
    bundle = load(folder)
    assert np.array_equal(bundle.recommend(None, 5).items, top_k(served, histories(), 5)[0])
    assert isinstance(bundle.model.item_vectors, RerankedTable)
    assert bundle.model.item_vectors.count == 6
    assert bundle.manifest["version"] == manifests.VERSION
    assert bundle.manifest["recipe"] == "int1, 6 re-ranked by int8"
    assert contents(folder).bytes_of("model") == served.model_bytes
    whole = (folder / MODEL).read_bytes()
    for place in range(0, len(whole), 97):
        (folder / MODEL).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(UserError, match="was altered"):
            load(folder)
    (folder / MODEL).write_bytes(whole[:-1])
    with pytest.raises(UserError, match="truncated"):
        load(folder)


def test_a_bundle_of_a_version_to_come_is_refused(tmp_path: Path) -> None:
    pack.write(tmp_path / "b", small("gnn", 6), [f"i{n:02}" for n in range(N_ITEMS)], None, {"recipe": "r"})
    path = tmp_path / "b" / manifests.NAME
    manifest = {**json.loads(path.read_text()), "version": manifests.VERSION + 1}
    path.write_text(json.dumps({**manifest, "digest": manifests.digest(manifest)}))
    with pytest.raises(UserError, match="newer Recsmith"):
        load(tmp_path / "b")


def test_new_items_join_both_tables() -> None:
    table = small("gnn", 6).item_vectors
    assert isinstance(table, RerankedTable)
    rows = np.random.default_rng(0).normal(size=(2, table.shape[1])).astype(np.float32)
    more = appended(table, rows)
    assert isinstance(more, RerankedTable)
    assert (more.shape[0], more.scanned.shape[0], more.count) == (N_ITEMS + 2, N_ITEMS + 2, 6)
    assert np.array_equal(more.rows(np.arange(N_ITEMS)), table.dequantised())
    np.testing.assert_allclose(more.rows(np.arange(N_ITEMS, N_ITEMS + 2)), rows, atol=0.02)
