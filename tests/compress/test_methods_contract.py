from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from planted_models import ALL, N_ITEMS, RANK, served

from recsmith.compress import half, int8, prune_columns, prune_sparse
from recsmith.compress.contract import Knobs
from recsmith.compress.methods import METHODS, Recipe, recipes
from recsmith.compress.popularity import narrowed
from recsmith.config.compress import Compress, Export
from recsmith.errors import UserError
from recsmith.serving.model import ServingModel, top_k
from recsmith.serving.tables import SparseTable, Table

FAMILIES = ("gnn", "filter", "sparse")


def model_of(family: str) -> tuple[ServingModel, object]:
    model, people = served("filter" if family == "sparse" else family)
    return (replace(model, item_vectors=None, projection=None), people) if family == "sparse" else (model, people)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(one, other, strict=True)]))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_a_method_still_answers_is_no_larger_and_repeats(name: str, family: str) -> None:
    model, people = model_of(family)
    small, again = METHODS[name](model, ALL), METHODS[name](model, ALL)
    assert small.n_items == model.n_items
    assert small.model_bytes <= model.model_bytes
    items, scores = top_k(small, people, 5)
    assert (items >= 0).all()
    assert np.isfinite(scores).all()
    assert np.array_equal(items, top_k(again, people, 5)[0])
    assert small.model_bytes == again.model_bytes


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_a_method_changes_nothing_in_the_model_that_it_is_given(name: str, family: str) -> None:
    model, people = model_of(family)
    before = model.scores(people)
    METHODS[name](model, ALL)
    assert np.array_equal(model.scores(people), before)


@pytest.mark.parametrize(("name", "least"), [("float16", 0.99), ("int8", 0.9)])
@pytest.mark.parametrize("family", FAMILIES)
def test_lower_precision_keeps_nearly_all_of_the_lists(name: str, least: float, family: str) -> None:
    model, people = model_of(family)
    small = METHODS[name](model, Knobs())
    assert overlap(top_k(model, people, 10)[0], top_k(small, people, 10)[0]) > least


NUMBERS = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 1e-38, -1e-38, 1e30, -1e30])


@settings(max_examples=100, deadline=None)
@given(arrays.arrays(np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=NUMBERS))
def test_int8_is_off_by_half_a_scale_at_most_and_rows_of_zeros_stay_zero(values: np.ndarray) -> None:
    table = int8.quantise(values)
    assert table.scale is not None
    assert (table.scale > 0).all()
    error = np.abs(table.dequantised().astype(np.float64) - values)
    assert (error <= table.scale[:, None] * 0.5001 + 1e-37).all()
    assert not table.dequantised()[~values.any(axis=1)].any()


def test_int8_of_a_sparse_table_keeps_empty_rows_and_bounds_the_error() -> None:
    data = np.array([3.0, -1.0, 0.5], np.float32)
    table = SparseTable(np.array([0, 2, 2, 3]), np.array([0, 2, 1], np.uint16), data, 3)
    model = ServingModel(np.ones(3, np.float32), sparse=table)
    small = int8.compress(model, Knobs()).sparse
    assert small is not None
    assert small.data.dtype == np.int8
    np.testing.assert_allclose(small.values(), data, atol=3 / 254)


def test_float16_that_would_overflow_is_refused() -> None:
    model = ServingModel(np.ones(1, np.float32), Table(np.array([[1e6]], np.float32)))
    with pytest.raises(UserError, match="float16 ends at 65504"):
        half.compress(model, Knobs())


@pytest.mark.parametrize("family", ["gnn", "filter"])
@pytest.mark.parametrize("pruner", ["L1", "L2", "FPGM"])
def test_masked_and_sliced_columns_answer_alike(family: str, pruner: str) -> None:
    model, people = served(family, Export(rank=RANK, top_k=0))
    knobs = Knobs(sparsity=0.5, pruner=pruner)
    sliced, masked = prune_columns.compress(model, knobs), prune_columns.masked(model, knobs)
    assert (sliced.rank, masked.rank) == (4, 8)
    np.testing.assert_allclose(sliced.scores(people), masked.scores(people), atol=1e-6)


def test_the_pruner_takes_the_columns_that_matter_least_from_both_sides() -> None:
    model, _ = served("filter", Export(rank=RANK, top_k=0))
    assert model.item_vectors is not None
    assert model.projection is not None
    weak = np.array([1, 4])
    scale = np.where(np.isin(np.arange(8), weak), 1e-3, 1).astype(np.float32)
    items, left = Table(model.item_vectors.values * scale), Table(model.projection.values * scale)
    kept = prune_columns.kept_columns(replace(model, item_vectors=items, projection=left), Knobs(sparsity=0.25))
    assert kept is not None
    assert np.array_equal(kept, np.setdiff1d(np.arange(8), weak))


def test_columns_stay_where_a_sparse_table_was_made_for_them() -> None:
    model, _ = served("filter")
    assert prune_columns.compress(model, Knobs(sparsity=0.5)) is model


def test_one_column_always_stays() -> None:
    assert prune_columns.compress(served("gnn")[0], Knobs(sparsity=0.99)).rank >= 1


def test_the_sparse_table_loses_its_smallest_entries_and_nothing_else() -> None:
    model, _ = served("filter")
    assert model.sparse is not None
    model = replace(model, popularity=np.ones(N_ITEMS, np.float32))
    small = prune_sparse.compress(model, Knobs(sparsity=0.5)).sparse
    assert model.sparse is not None
    assert small is not None
    before, after = np.abs(model.sparse.values()), np.abs(small.values())
    assert len(after) == pytest.approx(len(before) / 2, abs=1)
    np.testing.assert_allclose(np.sort(after), np.sort(before)[-len(after) :])
    assert small.indptr[-1] == len(after)
    assert len(small.indptr) == N_ITEMS + 1


def test_entries_of_popular_items_outlive_larger_ones_of_rare_items() -> None:
    table = SparseTable(np.array([0, 1, 2]), np.array([1, 0], np.uint16), np.array([1.0, 2.0], np.float32), 2)
    small = prune_sparse.compress(ServingModel(np.array([100.0, 1.0], np.float32), sparse=table), Knobs(sparsity=0.5))
    assert small.sparse is not None
    assert small.sparse.values().tolist() == [1.0]


def test_sparsity_zero_is_no_change() -> None:
    model, _ = served("filter")
    assert prune_columns.compress(model, Knobs()) is model
    assert prune_sparse.compress(model, Knobs()) is model


def test_popularity_keeps_its_order_in_fewer_bytes_or_stays() -> None:
    counts = np.array([0, 3, 65535], np.float32)
    assert narrowed(counts).dtype == np.uint16
    assert np.array_equal(narrowed(counts), counts)
    for kept in (np.array([0.5], np.float32), np.array([65536.0], np.float32), np.array([-1.0], np.float32)):
        assert narrowed(kept) is kept


def test_recipes_are_every_sparsity_with_every_precision_and_have_names() -> None:
    names = [recipe.name for recipe in recipes(Compress(sparsity=(0.5, 0.0), precision=("int8", "float16")))]
    assert recipes(Compress(), ["both", "sparse"])[-1].name == "sparse, pruned 75%, int8"
    assert names == ["int8", "float16", "pruned 50%, int8", "pruned 50%, float16"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_recipe_applies_its_methods_one_after_the_other(family: str) -> None:
    model, people = model_of(family)
    small = Recipe(ALL).apply({"exact": model})
    by_hand = int8.compress(prune_sparse.compress(prune_columns.compress(model, ALL), ALL), ALL)
    assert np.array_equal(small.scores(people), by_hand.scores(people))
