"""Vectors of any size are compressed like those of size one, or refused by name."""

from dataclasses import replace

import numpy as np
import pytest
from planted_models import GIVEN, RANK, served

from recsmith.compress import levels, product, simulated
from recsmith.compress.append_rows import appended
from recsmith.compress.contract import Knobs
from recsmith.compress.methods import METHODS
from recsmith.compress.units import unit_of
from recsmith.config.compress import Export
from recsmith.errors import UserError
from recsmith.serving.model import ServingModel, top_k
from recsmith.serving.tables import Table
from recsmith.serving.vector_table import VectorTable

LARGE, SMALL = 2.0**70, 2.0**-70
"""Their squares are infinite and zero in float32."""
VALUES = np.random.default_rng(0).normal(size=(400, 8)).astype(np.float32)


def times(table: VectorTable | None, factor: float) -> Table | None:
    return None if table is None else Table((table.dequantised() * factor).astype(np.float32))


def in_unit(model: ServingModel, size: float) -> ServingModel:
    """The same scores by items ``size`` times as large and queries as much smaller."""
    tables = {name: times(getattr(model, name), 1 / size) for name in ("projection", "user_vectors")}
    return replace(model, item_vectors=times(model.item_vectors, size), **tables)


@pytest.mark.parametrize("size", [LARGE, SMALL])
@pytest.mark.parametrize("family", ["gnn", "filter"])
@pytest.mark.parametrize("name", METHODS)
def test_a_method_gives_the_same_lists_in_any_unit_or_refuses_it_by_name(name: str, family: str, size: float) -> None:
    model, people = served(family, Export(rank=RANK, top_k=0))
    other, knobs = in_unit(model, size), Knobs("int4", 0.5, "SVD", block=3, bytes_a_row=4)
    if name == "float16":
        with pytest.raises(UserError, match=r"compress\.precision"):
            METHODS[name](other, GIVEN, knobs)
        return
    expected, found = (top_k(METHODS[name](one, GIVEN, knobs), people, 10)[0] for one in (model, other))
    assert np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(expected, found, strict=True)]) > 0.95


@pytest.mark.parametrize("family", ["gnn", "filter"])
def test_what_is_below_the_scales_of_nni_is_refused(family: str) -> None:
    model, _ = served(family, Export(rank=RANK, top_k=0))
    with pytest.raises(UserError, match=r"numbers of item_vectors, .* are below the scales that NNI finds"):
        simulated.compress(in_unit(model, SMALL), GIVEN, Knobs("int4", quantiser="ptq"))


@pytest.mark.parametrize("size", [LARGE, SMALL])
@pytest.mark.parametrize("bits", [4, 2, 1])
def test_levels_of_any_size_are_those_of_size_one_bit_by_bit(bits: int, size: float) -> None:
    one, other = (levels.quantise(VALUES * np.float32(by), bits, 3) for by in (1, size))
    assert np.array_equal(other.dequantised(), one.dequantised() * np.float32(size))
    longer = [appended(table, table.rows(slice(9))).dequantised() for table in (one, other)]
    assert np.array_equal(longer[1], longer[0] * np.float32(size))


@pytest.mark.parametrize("size", [LARGE, SMALL])
def test_books_of_any_size_hold_the_rows(size: float) -> None:
    table = product.quantise(VALUES * np.float32(size), 4, np.ones(len(VALUES), np.float32), 0)
    error = np.linalg.norm(table.dequantised() / np.float32(size) - VALUES) / np.linalg.norm(VALUES)
    assert error < 0.2


def test_books_take_two_bytes_a_number_where_these_hold_them() -> None:
    weight = np.ones(len(VALUES), np.float32)
    assert product.quantise(VALUES, 4, weight, 0).books.dtype == np.float16
    assert product.quantise(VALUES * np.float32(1e-3), 4, weight, 0).books.dtype == np.float32


def test_a_small_row_beside_a_large_one_stays_small_and_the_large_one_stays() -> None:
    values = np.ones((3, 8), np.float32) * np.array([[1e25], [1e24], [1e-25]], np.float32)
    found = levels.quantise(values, 4).dequantised()
    np.testing.assert_allclose(found[:2], values[:2], rtol=0.02)
    assert np.abs(found[2]).max() < 1e-4 * values.max()


def test_levels_that_float32_cannot_hold_are_refused() -> None:
    values = np.full((64, 2), np.finfo(np.float32).max)
    values[:, 0] *= np.linspace(-1, 1, 64)
    with pytest.raises(UserError, match="2, 4 or 16 finite levels; these are"):
        levels.quantise(values, 1)


def test_the_unit_is_a_power_of_two_that_the_largest_number_is_at_most_twice() -> None:
    for number in (1e-40, 3e-5, 1.0, 1.5, 3e38):
        unit = float(unit_of(np.array([number, -number / 3], np.float32)))
        assert np.log2(unit) == np.rint(np.log2(unit))
        assert unit <= float(np.float32(number)) < 2 * unit
    assert unit_of(np.zeros(3, np.float32)) == unit_of(np.zeros(0, np.float32)) == 1
