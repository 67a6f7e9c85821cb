"""Items that nobody had touched when the model was made are recommended from their first interactions."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from recsmith.__main__ import main
from recsmith.compress import int4, int8, pack, product
from recsmith.compress.append_rows import appended
from recsmith.compress.blend import blend
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.new_items import Arrivals, extended, joined
from recsmith.compress.tie import tied
from recsmith.serving.bundle import load
from recsmith.serving.fold_in import FoldIn, fading
from recsmith.serving.histories import stored_rows
from recsmith.serving.model import Batch, ServingModel, top_k
from recsmith.serving.tables import SparseTable, Table
from tools.deps import ROOT

USERS, ITEMS, NEW, GROUPS, RANK = 300, 120, 12, 6, 8


def touched(seed: int = 0) -> np.ndarray:
    """(U, I + new) bool: people like the items of their own group much more than others."""
    rng = np.random.default_rng(seed)
    groups, kinds = np.arange(USERS) % GROUPS, np.arange(ITEMS + NEW) % GROUPS
    found = rng.random((USERS, ITEMS + NEW)) < np.where(groups[:, None] == kinds[None], 0.35, 0.02)
    found[:, 0] |= True
    return found


def batch_of(matrix: np.ndarray) -> Batch:
    csr = sparse.csr_matrix(matrix)
    return Batch(csr.indptr.astype(np.int64), csr.indices.astype(np.int32), None, stored_rows(csr.indptr))


def model_of(family: str, known: np.ndarray) -> ServingModel:
    if family.endswith("blend"):
        first = "tied" if family.startswith("tied") else "filter"
        parts = [(1.0, model_of(first, known)), (0.5, model_of("two towers", known))]
        return blend(parts, known.sum(axis=0).astype(np.float32))
    counts = known.sum(axis=0).astype(np.float32)
    normal = known / np.sqrt(np.maximum(known.sum(axis=1), 1))[:, None] / np.sqrt(np.maximum(counts, 1))
    left, values, right = np.linalg.svd(normal, full_matrices=False)
    vectors = (right[:RANK].T * np.sqrt(values[:RANK])).astype(np.float32)
    if family == "two towers":
        return ServingModel(
            counts, Table(vectors), user_vectors=Table((left[:, :RANK] * np.sqrt(values[:RANK])).astype(np.float32))
        )
    scale = np.sqrt(np.maximum(counts, 1))[:, None].astype(np.float32)
    low = ServingModel(counts, Table(vectors * scale**0.5), Table(vectors / scale**0.5))
    if family == "sparse":
        near = (normal.T @ normal).astype(np.float32)
        near[near < np.quantile(near, 0.7)] = 0
        csr = sparse.csr_matrix(near)
        return ServingModel(counts, sparse=SparseTable(csr.indptr, csr.indices, csr.data, ITEMS))
    small = {"int8": int8, "int4": int4, "product": product}
    if family in small:
        return small[family].compress(low, Calibration(batch_of(known)), Knobs(bytes_a_row=8))
    return tied(low) if family == "tied" else low


FAMILIES = ("two towers", "filter", "sparse", "tied", "int8", "int4", "product", "blend", "tied blend")


@pytest.mark.parametrize("family", FAMILIES)
def test_new_items_find_their_people_far_better_than_popularity_or_chance(family: str) -> None:
    everything, rng = touched(), np.random.default_rng(5)
    known, later = everything[:, :ITEMS], everything[:, ITEMS:]
    users, items = np.nonzero(later)
    first = rng.random(len(users)) < 0.4
    model, histories = extended(model_of(family, known), batch_of(known), Arrivals(users[first], items[first], NEW))
    assert model.n_items == ITEMS + NEW
    assert np.isfinite(model.scores(histories)).all()
    lists, _ = top_k(model, histories, NEW // 4, allow=np.arange(ITEMS, ITEMS + NEW))
    wanted = {(int(user), int(item) + ITEMS) for user, item in zip(users[~first], items[~first], strict=True)}
    popular = np.argsort(-later[users[first]].sum(axis=0), kind="stable")[: NEW // 4] + ITEMS
    hits = sum((user, int(item)) in wanted for user in range(USERS) for item in lists[user])
    by_popularity = sum((user, int(item)) in wanted for user in range(USERS) for item in popular)
    by_chance = len(wanted) * (NEW // 4) / NEW
    assert hits > 1.8 * by_popularity
    assert hits > 1.8 * by_chance
    whole = top_k(model, histories, 20)[0]
    assert np.isin(whole, np.arange(ITEMS, ITEMS + NEW)).any()


@pytest.mark.parametrize("family", FAMILIES)
def test_what_was_known_scores_as_before(family: str) -> None:
    known = touched()[:, :ITEMS]
    before = model_of(family, known)
    after, histories = extended(before, batch_of(known), Arrivals(np.array([3, 4]), np.array([0, 0]), 1))
    same = np.setdiff1d(np.arange(USERS), [3, 4])
    old, new = before.scores(batch_of(known)), after.scores(histories)
    np.testing.assert_allclose(new[same][:, :ITEMS], old[same], atol=1e-4)
    assert {ITEMS} <= set(histories.part(3, 4).indices.tolist())


@pytest.mark.parametrize("family", FAMILIES[1:])
def test_rows_that_a_table_holds_already_are_appended_nearly_as_they_are(family: str) -> None:
    model = model_of(family, touched()[:, :ITEMS])
    table = model.item_vectors
    if table is None:
        assert model.sparse is not None
        return
    rows = table.rows(np.arange(30))
    longer = appended(table, rows)
    assert longer.shape == (ITEMS + 30, table.shape[1])
    assert longer.precision == table.precision
    assert np.array_equal(longer.rows(np.arange(ITEMS)), table.dequantised())
    error = np.linalg.norm(longer.rows(np.arange(ITEMS, ITEMS + 30)) - rows) / np.linalg.norm(rows)
    assert error < 0.12


def test_what_came_before_fades_further() -> None:
    weights = fading(3, 0.5)
    histories = Batch(np.array([0, 3]), np.array([4, 1, 2], np.int32), weights, np.array([0]))
    more = Arrivals(np.array([0, 0, 0]), np.array([1, 0, 1]), 2).batch(1)
    found = joined(histories, more, 5, 0.5)
    expected = fading(5, 0.5)
    assert expected is not None
    assert found.indices.tolist() == [4, 1, 2, 5, 6]
    np.testing.assert_allclose(found.values, [*expected[:3], 1, 1], rtol=1e-6)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    known = touched()[:, :ITEMS]
    people = pack.People([f"u{n}" for n in range(USERS)], batch_of(known))
    model = replace(model_of("int8", known), fold_in=FoldIn())
    pack.write(
        tmp_path / "b",
        model,
        [f"i{n}" for n in range(ITEMS)],
        people,
        {"recipe": "int8"},
        [f"t{n}" for n in range(ITEMS)],
    )
    return tmp_path / "b"


def test_the_command_packs_a_bundle_that_recommends_the_new_item_and_names_its_parent(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, file = bundle.parent / "new", bundle.parent / "first.csv"
    rows = [f"u{n * GROUPS},fresh" for n in range(15)]
    file.write_text("\n".join(["user_id,item_id", *rows, "stranger,fresh", "u1,i5"]), encoding="utf-8")
    assert main(["add-items", str(bundle), str(file), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "1 new items from 15 interactions" in said.out
    assert "1 rows name items that the bundle knows" in said.err
    assert "stranger" in said.err
    before, after = load(bundle), load(out)
    assert after.manifest["parents"] == [before.manifest["digest"]]
    assert after.manifest["recipe"] == "int8"
    assert after.label(ITEMS) == "fresh"
    kin = after.recommend([f"u{n * GROUPS}" for n in range(16, 40)], 30).items
    others = after.recommend([f"u{n * GROUPS + 3}" for n in range(16, 40)], 30).items
    assert (kin == ITEMS).any(axis=1).mean() > 0.5 > (others == ITEMS).any(axis=1).mean()
    assert ITEMS not in after.recommend(["u0"], 100).items
    assert not after.recommend_history(["fresh"], 5).popularity


ALONE = (
    "import sys; from benchmarks.alone import Refusing; sys.meta_path.insert(0, Refusing); "
    "from recsmith.__main__ import main; sys.exit(main(sys.argv[1:]))"
)
"""The command in a process that has nothing but numpy."""


@pytest.mark.parametrize("family", FAMILIES)
def test_numpy_alone_packs_the_same_bundle(tmp_path: Path, family: str) -> None:
    known, first = touched()[:, :ITEMS], tmp_path / "first.csv"
    people = pack.People([f"u{n}" for n in range(USERS)], batch_of(known))
    pack.write(tmp_path / "b", model_of(family, known), [f"i{n}" for n in range(ITEMS)], people, {})
    rows = [f"u{n * GROUPS},fresh{n % 2}" for n in range(15)]
    first.write_text("\n".join(["user_id,item_id", *rows]), encoding="utf-8")
    command = ["add-items", str(tmp_path / "b"), str(first), "--out"]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *command, str(tmp_path / "alone")],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, f"2 new items from 15 interactions in {tmp_path / 'alone'}\n")
    assert main([*command, str(tmp_path / "here")]) == 0
    alone, here = load(tmp_path / "alone"), load(tmp_path / "here")
    assert alone.manifest == here.manifest
    assert list(alone.items)[-2:] == ["fresh0", "fresh1"]


def test_a_file_without_anything_new_is_refused(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text, message in (
        ("known.csv", "user_id,item_id\nu1,i5\n", "no new item"),
        ("wrong.csv", "user,item\n1,2\n", "has no column 'user_id'"),
    ):
        (bundle.parent / name).write_text(text, encoding="utf-8")
        assert main(["add-items", str(bundle), str(bundle.parent / name), "--out", str(bundle.parent / "n")]) == 1
        assert message in capsys.readouterr().err
    assert main(["add-items", str(bundle), str(bundle.parent / "known.csv"), "--out", str(bundle)]) == 1
    assert "is the bundle itself" in capsys.readouterr().err
    assert not (bundle.parent / "n").exists()
