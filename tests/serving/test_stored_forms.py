from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from recsmith.errors import UserError
from recsmith.serving.packed import BITS, PackedTable, pack, unpack
from recsmith.serving.product import ProductTable
from recsmith.serving.reranked import RerankedTable
from recsmith.serving.table_tensors import of_table, table
from recsmith.serving.tables import Table
from recsmith.serving.tied import TiedTable
from recsmith.serving.vector_table import VectorTable

N, R = 50, 12


def packed(bits: int, blocks: int = 1, n: int = N) -> PackedTable:
    rng = np.random.default_rng(bits)
    levels = np.sort(rng.normal(size=2**bits)).astype(np.float32)
    codes = pack(rng.integers(0, 2**bits, (n, R)), bits)
    return PackedTable(codes, levels, rng.random((n, blocks)).astype(np.float16) + np.float16(0.5), R)


def product(n: int = N) -> ProductTable:
    rng = np.random.default_rng(3)
    books = rng.normal(size=(4, 7, 3)).astype(np.float16)
    return ProductTable(rng.integers(0, 7, (n, 4)).astype(np.uint8), books, R, np.ones(n, np.float16))


def tied(n: int = N) -> TiedTable:
    rng = np.random.default_rng(4)
    return TiedTable(packed(4, n=n), rng.random(n).astype(np.float16) + np.float16(1), np.ones(R, np.float32))


def dense(n: int = N) -> Table:
    rng = np.random.default_rng(5)
    return Table(rng.integers(-127, 128, (n, R)).astype(np.int8), rng.random(n).astype(np.float16) + np.float16(0.1))


def reranked(n: int = N) -> RerankedTable:
    return RerankedTable(packed(1, n=n), dense(n), 7)


FORMS: dict[str, Callable[[int], VectorTable]] = {
    "int8": dense,
    **{f"int{bits}": lambda n, bits=bits: packed(bits, n=n) for bits in BITS},
    "blocks": lambda n: packed(4, 3, n),
    "product": product,
    "tied": tied,
    "reranked": reranked,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n", [N, 0])
def test_products_sums_and_parts_are_those_of_the_rows(form: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsmith.serving.vector_table.BLOCK", 7 * R)
    stored = FORMS[form](n)
    rows = stored.dequantised()
    queries = np.random.default_rng(0).normal(size=(3, R)).astype(np.float32)
    assert (stored.shape, rows.shape, rows.dtype) == ((n, R), (n, R), np.float32)
    np.testing.assert_allclose(stored.dot(queries), queries @ rows.T, atol=1e-4)
    np.testing.assert_allclose(stored.dot(queries[:1]), queries[:1] @ rows.T, atol=1e-4)
    np.testing.assert_allclose(stored.gram(), rows.astype(np.float64).T @ rows, rtol=1e-4, atol=1e-4)
    some = np.arange(n)[::-3]
    assert np.array_equal(stored.rows(some), rows[some])
    assert np.array_equal(stored.take(some).dequantised(), rows[some])
    assert stored.take(some).precision == stored.precision


@pytest.mark.parametrize("form", FORMS)
def test_a_table_comes_back_from_its_tensors_and_weighs_what_they_weigh(form: str) -> None:
    stored = FORMS[form](N)
    tensors = of_table("name", stored)
    again = table(tensors, "name", stored.base if isinstance(stored, TiedTable) else None)
    assert again is not None
    assert np.array_equal(again.dequantised(), stored.dequantised())
    assert again.nbytes == stored.nbytes == sum(values.nbytes for values in tensors.values())
    assert table(tensors, "other") is None


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("columns", [1, 8, 11])
def test_what_is_packed_is_unpacked_and_takes_its_bits(bits: int, columns: int) -> None:
    places = np.random.default_rng(bits).integers(0, 2**bits, (9, columns)).astype(np.uint8)
    codes = pack(places, bits)
    assert codes.shape == (9, -(-columns * bits // 8))
    assert np.array_equal(unpack(codes, bits)[:, :columns], places)


def test_a_row_is_its_levels_times_the_scale_of_the_block() -> None:
    levels = np.array([-1, 3], np.float32)
    codes = pack(np.array([[0, 1, 1, 0]]), 1)
    stored = PackedTable(codes, levels, np.array([[2, 10]], np.float32), 4)
    assert stored.dequantised().tolist() == [[-2, 6, 30, -10]]
    assert stored.precision == "int1"


def test_a_row_is_a_word_from_each_book_and_what_is_too_many_is_cut() -> None:
    books = np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], np.float32)
    assert ProductTable(np.array([[1, 0]], np.uint8), books, 3).dequantised().tolist() == [[3, 4, 5]]


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_scales_that_are_not_positive_and_finite_are_refused(scale: float) -> None:
    bad = np.full((N, 1), scale, np.float32)
    with pytest.raises(UserError, match="positive and finite"):
        replace(packed(4), scale=bad)
    with pytest.raises(UserError, match="positive and finite"):
        replace(product(), scale=bad[:, 0])
    with pytest.raises(UserError, match="positive and finite"):
        replace(tied(), scale=bad[:, 0])


def test_parts_that_do_not_fit_or_hold_nan_are_refused() -> None:
    with pytest.raises(UserError, match="2, 4 or 16 finite levels"):
        replace(packed(4), levels=np.zeros(8, np.float32))
    with pytest.raises(UserError, match="finite levels"):
        replace(packed(1), levels=np.array([np.nan, 1], np.float32))
    with pytest.raises(UserError, match="do not hold 30 columns"):
        replace(packed(4), columns=30)
    with pytest.raises(UserError, match="cannot be parted into 7"):
        replace(packed(4), scale=np.ones((N, 7), np.float32))
    with pytest.raises(UserError, match="NaN"):
        replace(product(), books=np.full((4, 7, 3), np.nan, np.float16))
    with pytest.raises(UserError, match="beyond the 2"):
        replace(product(), books=np.ones((4, 2, 3), np.float16))
    with pytest.raises(UserError, match="do not hold 13 columns"):
        replace(product(), columns=13)
    with pytest.raises(UserError, match="do not fit books"):
        replace(product(), books=np.ones((3, 7, 3), np.float16))
    with pytest.raises(UserError, match="finite factor for each or the first"):
        replace(tied(), columns=np.ones(R + 1, np.float32))
    with pytest.raises(UserError, match="at least one is due"):
        replace(reranked(), count=0)
    with pytest.raises(UserError, match="cannot be scanned"):
        replace(reranked(), scanned=packed(1, n=N - 1))
    with pytest.raises(UserError, match="nothing to scan"):
        table({**of_table("name.exact", dense()), "name.rerank": np.array([7], np.uint32)}, "name")
    with pytest.raises(UserError, match="no form of a table"):
        table({"name.else": np.ones(1)}, "name")


def test_a_table_tied_to_the_first_columns_alone_is_read_back_and_sums_what_it_has() -> None:
    one = TiedTable(packed(4), np.linspace(1, 2, N, dtype=np.float32), np.array([2, -1, 3], np.float32))
    again = table(of_table("name", one), "name", one.base)
    assert again is not None
    expected = one.base.dequantised()[:, :3] * one.columns * one.scale[:, None]
    np.testing.assert_allclose(again.dequantised(), expected, rtol=1e-6)
    weights = np.array([1, 2, 3], np.float32)
    sums = one.combined(np.array([0, 2, 2, 3]), np.array([4, 7, 4]), weights)
    np.testing.assert_allclose(sums, [expected[4] + 2 * expected[7], np.zeros(3), 3 * expected[4]], rtol=1e-5)
