"""One query's lists are exact for every stored form, with and without the library that multiplies faster."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from recsmith.compress.quantised import quantise
from recsmith.serving import sketch as sketches
from recsmith.serving.model import Query, ServingModel, top_k
from recsmith.serving.packed import PackedTable, pack
from recsmith.serving.product import ProductTable
from recsmith.serving.sketch import Sketch
from recsmith.serving.tables import SparseTable, Table
from recsmith.serving.vector_table import VectorTable

FORMS = ("float32", "float16", "int8", "int4", "product")
TOLERANCE = 1e-5


def table_of(form: str, n: int, rank: int, rng: np.random.Generator) -> VectorTable:
    values = (rng.normal(size=(n, rank)) * rng.exponential(size=(n, 1))).astype(np.float32)
    if form == "int4":
        scale = rng.random((n, 1)).astype(np.float32) + 0.1
        return PackedTable(
            pack(rng.integers(0, 16, (n, rank)), 4), np.linspace(-1, 1, 16, dtype=np.float32), scale, rank
        )
    if form == "product":
        books = rng.normal(size=(rank // 2, 16, 2)).astype(np.float32)
        return ProductTable(rng.integers(0, 16, (n, rank // 2)).astype(np.uint8), books, rank // 2 * books.shape[2])
    return quantise(values) if form == "int8" else Table(values.astype(form))


def model_of(form: str, n: int, rank: int, rng: np.random.Generator, entries: bool) -> ServingModel:
    rest = sparse.csr_matrix(sparse.random(n, n, 0.1, rng=rng, dtype=np.float32))
    table = SparseTable(rest.indptr, rest.indices, rest.data, n) if entries else None
    projection = Table(rng.normal(size=(n, rank)).astype(np.float32))
    return ServingModel(rng.random(n).astype(np.float32), table_of(form, n, rank, rng), projection, sparse=table)


def dense(model: ServingModel, history: np.ndarray) -> np.ndarray:
    """All scores of one history in float64."""
    assert model.item_vectors is not None
    assert model.projection is not None
    query = model.projection.rows(history).astype(np.float64).sum(axis=0)
    scores = model.item_vectors.dequantised().astype(np.float64) @ query
    if model.sparse is not None:
        parts = (model.sparse.values(), model.sparse.indices, model.sparse.indptr)
        table = sparse.csr_matrix(parts, shape=(model.n_items, model.n_items))
        scores += np.asarray(table[history].sum(axis=0), np.float64).ravel()
    return scores


class Integers:
    """What the library does, in numpy."""

    @staticmethod
    def dots_pack(codes: np.ndarray) -> np.ndarray:
        return codes.astype(np.int32)

    @staticmethod
    def dots_packed(queries: np.ndarray, packed: np.ndarray) -> np.ndarray:
        return queries.astype(np.int32) @ packed.T


KERNELS: dict[str, Any] = {"numpy": None, "integers": Integers, "numkong": sketches.numkong()}


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    form=st.sampled_from(FORMS),
    n=st.integers(1, 300),
    rank=st.sampled_from([2, 8, 34]),
    k=st.integers(1, 40),
    entries=st.booleans(),
    filters=st.sampled_from(["none", "allow", "block", "both", "nothing allowed", "all blocked"]),
    seen=st.booleans(),
)
def test_one_query_lists_the_best_of_what_may_be_chosen(
    kernel: str, seed: int, form: str, n: int, rank: int, k: int, entries: bool, filters: str, seen: bool
) -> None:
    rng = np.random.default_rng(seed)
    history = np.unique(rng.integers(0, n, rng.integers(1, 6)))
    lists = {
        "none": (None, None),
        "allow": (np.flatnonzero(rng.random(n) < 0.3), None),
        "block": (None, np.flatnonzero(rng.random(n) < 0.3)),
        "both": (np.flatnonzero(rng.random(n) < 0.5), np.flatnonzero(rng.random(n) < 0.5)),
        "nothing allowed": (np.zeros(0, np.int64), None),
        "all blocked": (None, np.arange(n)),
    }
    allow, block = lists[filters]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sketches, "numkong", lambda: KERNELS[kernel])
        model = model_of(form, n, rank, rng, entries)
        items, scores = (found[0] for found in top_k(model, [Query(history)], k, allow=allow, block=block, seen=seen))
    wanted = dense(model, history)
    may = np.ones(n, bool) if allow is None else np.isin(np.arange(n), allow)
    may[block if block is not None else []] = False
    may[history] &= seen
    best = np.sort(wanted[may])[::-1][:k]
    listed = items[items >= 0]
    assert len(listed) == len(best) == len(set(listed.tolist()))
    assert (items[len(listed) :] == -1).all()
    assert np.isneginf(scores[len(listed) :]).all()
    assert may[listed].all()
    size = max(1.0, float(np.abs(wanted).max()))
    np.testing.assert_allclose(scores[: len(listed)], best, atol=TOLERANCE * size)
    np.testing.assert_allclose(wanted[listed], best, atol=TOLERANCE * size)


@pytest.mark.parametrize("entries", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kernel", ["integers", "numkong"])
def test_many_at_once_get_the_lists_that_each_gets_alone(
    kernel: str, form: str, entries: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sketches, "numkong", lambda: KERNELS[kernel])
    rng = np.random.default_rng(11)
    model = model_of(form, 2000, 34, rng, entries)
    queries = [Query(np.unique(rng.integers(0, 2000, size))) for size in (3, 0, 1, 9, 0, 40)]
    block = np.arange(0, 2000, 3)
    items, scores = top_k(model, queries, 15, block=block)
    assert not np.isin(items, block).any()
    for row, query in enumerate(queries):
        alone = top_k(model, [query], 15, block=block)
        assert np.array_equal(items[row], alone[0][0])
        np.testing.assert_allclose(scores[row], alone[1][0], rtol=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
def test_one_huge_row_whose_bound_says_nothing_of_others_changes_no_list(
    kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sketches, "numkong", lambda: KERNELS[kernel])
    scored = []
    rows = Table.rows
    monkeypatch.setattr(Table, "rows", lambda table, index: scored.append(np.size(index)) or rows(table, index))
    rng = np.random.default_rng(13)
    model = model_of("float32", 2000, 34, rng, entries=False)
    assert isinstance(model.item_vectors, Table)
    model.item_vectors.values[7] *= 1e4
    history = np.array([3, 5])
    top_k(model, [Query(history)], 10)
    scored.clear()
    items, _ = top_k(model, [Query(history)], 10)
    wanted = dense(model, history)
    wanted[history] = -np.inf
    assert np.array_equal(items[0], np.argsort(-wanted, kind="stable")[:10])
    assert max(scored) < 200


@pytest.mark.parametrize("form", FORMS)
def test_equal_items_are_listed_in_their_order(form: str) -> None:
    rng = np.random.default_rng(3)
    table = table_of(form, 40, 8, rng).take(np.tile(np.arange(40), 50))
    model = ServingModel(np.ones(2000, np.float32), table, Table(rng.normal(size=(2000, 8)).astype(np.float32)))
    items, scores = top_k(model, [Query(np.array([3]))], 60)
    order = np.lexsort((items[0], -scores[0]))
    assert np.array_equal(order, np.arange(60))
    first = items[0][scores[0] == scores[0, 0]]
    assert np.array_equal(first, np.sort(first))


@pytest.mark.parametrize("form", FORMS)
def test_estimates_are_off_by_no_more_than_they_say(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    table = table_of(form, 500, 34, rng)
    exact = table.dequantised().astype(np.float64)
    for library in KERNELS.values():
        monkeypatch.setattr(sketches, "numkong", lambda found=library: found)
        sketch = Sketch.of(table)
        for query in rng.normal(size=(20, 34)).astype(np.float32):
            estimate, off = (found[0] for found in sketch.scores(query[None]))
            assert (np.abs(estimate - exact @ query) <= sketch.lengths @ off).all()


def test_the_library_that_multiplies_faster_is_installed_where_tests_run() -> None:
    assert sketches.numkong() is not None
