from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from planted_models import ALL, GIVEN, N_ITEMS, RANK, served

from recsmith.compress import columns, half, int8, levels, prune_columns, prune_learnt, prune_sparse, quantised, rotate
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.export import EXACT
from recsmith.compress.methods import METHODS, Recipe
from recsmith.compress.popularity import narrowed, ranked
from recsmith.compress.row_norms import NORMS
from recsmith.compress.space import recipes
from recsmith.compress.spread import spread
from recsmith.compress.tie import tied
from recsmith.config.compress import Compress, Export, Prune, Pruner
from recsmith.errors import UserError
from recsmith.serving.model import Batch, ServingModel, top_k
from recsmith.serving.tables import SparseTable, Table
from recsmith.serving.tied import TiedTable
from recsmith.serving.vector_table import COUNT

FAMILIES = ("gnn", "filter", "sparse", "tied")


def model_of(family: str) -> tuple[ServingModel, Batch]:
    if family == "tied":
        model, people = served("filter", Export(rank=RANK, top_k=0))
        return tied(model), people
    model, people = served("filter" if family == "sparse" else family)
    return (replace(model, item_vectors=None, projection=None), people) if family == "sparse" else (model, people)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(one, other, strict=True)]))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_a_method_still_answers_is_no_larger_and_repeats(name: str, family: str) -> None:
    model, people = model_of(family)
    small, again = METHODS[name](model, GIVEN, ALL), METHODS[name](model, GIVEN, ALL)
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
    METHODS[name](model, GIVEN, ALL)
    assert np.array_equal(model.scores(people), before)


@pytest.mark.parametrize(("name", "least"), [("float16", 0.99), ("int8", 0.9), ("int4", 0.6), ("product", 0.3)])
@pytest.mark.parametrize("family", FAMILIES)
def test_lower_precision_keeps_nearly_all_of_the_lists(name: str, least: float, family: str) -> None:
    model, people = model_of(family)
    small = METHODS[name](model, GIVEN, Knobs())
    assert overlap(top_k(model, people, 10)[0], top_k(small, people, 10)[0]) > least


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("pruner", ["SVD", "FPGM"])
def test_a_method_says_nothing_but_what_was_asked_for(name: str, family: str, pruner: Pruner) -> None:
    model, people = model_of(family)
    small = METHODS[name](model, GIVEN, Knobs(sparsity=0.5, pruner=pruner, block=3, bytes_a_row=3))
    assert (top_k(small, people, 5)[0] >= 0).all()
    assert small.rank in (model.rank, model.rank // 2)
    assert isinstance(small.projection, TiedTable) == (family == "tied")


def test_bits_take_the_bytes_that_they_say() -> None:
    values = np.random.default_rng(0).normal(size=(100, 64)).astype(np.float32)
    for bits in (4, 2, 1):
        assert levels.quantise(values, bits).nbytes == 100 * (8 * bits + 2) + 4 * 2**bits + COUNT
        assert levels.quantise(values, bits, 16).scale.shape == (100, 4)
    uneven = levels.quantise(values[:, :10], 4, 4)
    assert (uneven.blocks, uneven.width) == (3, 4)
    assert np.abs(uneven.dequantised() - values[:, :10]).max() < 0.5


@pytest.mark.parametrize(("bits", "share"), [(4, 0.0095), (2, 0.1175), (1, 0.3634)])
def test_levels_lose_what_the_best_quantiser_of_normal_numbers_loses(bits: int, share: float) -> None:
    values = np.random.default_rng(0).normal(size=(2000, 64)).astype(np.float32)
    table = levels.quantise(values, bits)
    assert np.mean((table.dequantised() - values) ** 2) == pytest.approx(share, rel=0.05)


def test_rows_of_zeros_are_next_to_nothing_and_blocks_follow_their_own_size() -> None:
    values = np.zeros((3, 6), np.float32)
    values[0], values[1, :3] = 1, 100
    rows = levels.quantise(values, 2, 3).dequantised()
    assert np.abs(rows[2]).max() < 0.1
    np.testing.assert_allclose(rows[0], 1, rtol=0.1)
    np.testing.assert_allclose(rows[1, :3], 100, rtol=0.1)


def test_a_turn_changes_no_score() -> None:
    for family in ("gnn", "tied"):
        model, people = model_of(family)
        np.testing.assert_allclose(spread(model, 3).scores(people), model.scores(people), atol=1e-4)
    for model in (served("gnn")[0], served("filter", Export(rank=RANK, top_k=0))[0]):
        np.testing.assert_allclose(rotate.balanced(model, GIVEN).scores(people), model.scores(people), atol=1e-3)


def test_directions_that_no_score_depends_on_go_first() -> None:
    model, people = served("gnn")
    assert model.item_vectors is not None
    assert model.user_vectors is not None
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(RANK, RANK)))[0]
    keep = np.arange(RANK) < RANK // 2
    flat = replace(
        model,
        item_vectors=Table((model.item_vectors.dequantised() @ turn * keep @ turn.T).astype(np.float32)),
    )
    small = rotate.compress(flat, GIVEN, Knobs(sparsity=0.5, pruner="SVD"))
    assert small.rank == RANK // 2
    np.testing.assert_allclose(small.scores(people), flat.scores(people), atol=1e-3)


def test_a_symmetric_filter_is_tied_without_loss_and_takes_half_the_bytes() -> None:
    rng = np.random.default_rng(2)
    vectors, factor = rng.normal(size=(N_ITEMS, RANK)).astype(np.float32), rng.uniform(0.3, 3, N_ITEMS)
    signs = np.where(np.arange(RANK) < 2, -1, 1)
    left = (vectors * signs * factor[:, None]).astype(np.float32)
    model = ServingModel(np.arange(1, N_ITEMS + 1, dtype=np.float32), Table(vectors), Table(left))
    one = tied(model)
    assert one.model_bytes < 0.6 * model.model_bytes
    people = GIVEN.histories
    np.testing.assert_allclose(one.scores(people), model.scores(people), rtol=0.01, atol=0.05)


def test_calibration_without_histories_is_refused_where_it_is_needed() -> None:
    nobody = Calibration(Batch(np.zeros(3, np.int64), np.zeros(0, np.int32)))
    with pytest.raises(UserError, match="no histories to calibrate on"):
        rotate.compress(served("gnn")[0], nobody, Knobs(sparsity=0.5, pruner="SVD"))


def test_a_byte_of_popularity_keeps_the_most_popular_in_order_and_the_untouched_at_zero() -> None:
    counts = np.random.default_rng(0).permutation(np.concatenate((np.zeros(5), np.arange(1, 1000)))).astype(np.float32)
    byte = ranked(counts)
    assert byte.dtype == np.uint8
    assert np.array_equal(byte == 0, counts == 0)
    assert np.array_equal(np.argsort(-byte.astype(int), kind="stable")[:200], np.argsort(-counts, kind="stable")[:200])
    assert (np.diff(byte[np.argsort(counts)].astype(int)) >= 0).all()
    assert ranked(np.array([3.0, 0, 7], np.float32)).tolist() == [1, 0, 2]
    assert ranked(np.array([3.0, 2, 7], np.float32)).tolist() == [2, 1, 3]
    assert ranked(np.arange(1, 257, dtype=np.float32)).min() == 1


NUMBERS = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 1e-38, -1e-38, 1e30, -1e30])


@settings(max_examples=100, deadline=None)
@given(arrays.arrays(np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=NUMBERS))
def test_int8_is_off_by_half_a_scale_at_most_and_rows_of_zeros_stay_zero(values: np.ndarray) -> None:
    table = quantised.quantise(values)
    assert table.scale is not None
    assert (table.scale > 0).all()
    error = np.abs(table.dequantised().astype(np.float64) - values)
    assert (error <= table.scale[:, None] * 0.5001 + 1e-37).all()
    assert not table.dequantised()[~values.any(axis=1)].any()


def test_int8_of_a_sparse_table_keeps_empty_rows_and_bounds_the_error() -> None:
    data = np.array([3.0, -1.0, 0.5], np.float32)
    table = SparseTable(np.array([0, 2, 2, 3]), np.array([0, 2, 1], np.uint16), data, 3)
    model = ServingModel(np.ones(3, np.float32), sparse=table)
    small = int8.compress(model, GIVEN, Knobs()).sparse
    assert small is not None
    assert small.data.dtype == np.int8
    np.testing.assert_allclose(small.values(), data, atol=3 / 254)


@pytest.mark.parametrize(("number", "said"), [(1e6, r"is 1e\+06"), (1e-6, "is 1e-06")])
def test_float16_that_would_overflow_or_vanish_is_refused(number: float, said: str) -> None:
    model = ServingModel(np.ones(1, np.float32), Table(np.array([[number]], np.float32)))
    with pytest.raises(UserError, match="float16 goes from 6e-05 to 65504.*" + said):
        half.compress(model, GIVEN, Knobs())


@pytest.mark.parametrize("family", ["gnn", "filter"])
@pytest.mark.parametrize("pruner", ["L1", "L2", "FPGM", "Taylor", "Movement", "AGP"])
def test_masked_and_sliced_columns_answer_alike(family: str, pruner: Pruner) -> None:
    model, people = served(family, Export(rank=RANK, top_k=0))
    knobs = Knobs(sparsity=0.5, pruner=pruner, prune=Prune(steps=6, rounds=2))
    if pruner in NORMS:
        whole, kept, method = model, prune_columns.kept_columns(model, knobs), prune_columns
    else:
        (whole, kept), method = prune_learnt.pruned(model, GIVEN, knobs), prune_learnt
    sliced, masked = method.compress(model, GIVEN, knobs), columns.masked(whole, kept)
    assert (sliced.rank, masked.rank) == (4, 8)
    np.testing.assert_allclose(sliced.scores(people), masked.scores(people), atol=1e-6)


def test_the_pruner_takes_the_columns_that_matter_least_from_both_sides() -> None:
    model, _ = served("filter", Export(rank=RANK, top_k=0))
    assert model.item_vectors is not None
    assert model.projection is not None
    weak = np.array([1, 4])
    scale = np.where(np.isin(np.arange(8), weak), 1e-3, 1).astype(np.float32)
    items, left = Table(model.item_vectors.dequantised() * scale), Table(model.projection.dequantised() * scale)
    kept = prune_columns.kept_columns(replace(model, item_vectors=items, projection=left), Knobs(sparsity=0.25))
    assert np.array_equal(kept, np.setdiff1d(np.arange(8), weak))


def test_a_loss_finds_the_columns_that_no_list_depends_on() -> None:
    model, _ = served("gnn")
    assert model.item_vectors is not None
    weak = np.array([1, 4, 5, 6])
    scale = np.where(np.isin(np.arange(RANK), weak), 1e-3, 1).astype(np.float32)
    flat = replace(model, item_vectors=Table(model.item_vectors.dequantised() * scale))
    _, kept = prune_learnt.pruned(flat, GIVEN, Knobs(sparsity=0.5, pruner="Taylor", prune=Prune(steps=20)))
    assert np.array_equal(kept, np.setdiff1d(np.arange(RANK), weak))


def test_columns_stay_where_a_sparse_table_was_made_for_them() -> None:
    model, _ = served("filter")
    assert prune_columns.compress(model, GIVEN, Knobs(sparsity=0.5)) is model


def test_one_column_always_stays() -> None:
    assert prune_columns.compress(served("gnn")[0], GIVEN, Knobs(sparsity=0.99)).rank >= 1


def test_the_sparse_table_loses_its_smallest_entries_and_nothing_else() -> None:
    model, _ = served("filter")
    assert model.sparse is not None
    model = replace(model, popularity=np.ones(N_ITEMS, np.float32))
    small = prune_sparse.compress(model, GIVEN, Knobs(sparsity=0.5)).sparse
    assert model.sparse is not None
    assert small is not None
    before, after = np.abs(model.sparse.values()), np.abs(small.values())
    assert len(after) == pytest.approx(len(before) / 2, abs=1)
    np.testing.assert_allclose(np.sort(after), np.sort(before)[-len(after) :])
    assert small.indptr[-1] == len(after)
    assert len(small.indptr) == N_ITEMS + 1


def test_entries_of_popular_items_outlive_larger_ones_of_rare_items() -> None:
    table = SparseTable(np.array([0, 1, 2]), np.array([1, 0], np.uint16), np.array([1.0, 2.0], np.float32), 2)
    small = prune_sparse.compress(
        ServingModel(np.array([100.0, 1.0], np.float32), sparse=table), GIVEN, Knobs(sparsity=0.5)
    )
    assert small.sparse is not None
    assert small.sparse.values().tolist() == [1.0]


def test_sparsity_zero_is_no_change() -> None:
    model, _ = served("filter")
    assert prune_columns.compress(model, GIVEN, Knobs()) is model
    assert prune_sparse.compress(model, GIVEN, Knobs()) is model


def test_popularity_keeps_its_order_in_fewer_bytes_or_stays() -> None:
    counts = np.array([0, 3, 65535], np.float32)
    assert narrowed(counts).dtype == np.uint16
    assert np.array_equal(narrowed(counts), counts)
    for kept in (np.array([0.5], np.float32), np.array([65536.0], np.float32), np.array([-1.0], np.float32)):
        assert narrowed(kept) is kept


def test_recipes_are_every_sparsity_with_every_precision_and_have_names() -> None:
    forms = {EXACT: model_of("gnn")[0]}
    names = [recipe.name for recipe in recipes(Compress(sparsity=(0.5, 0.0), precision=("int8", "float16")), forms)]
    assert recipes(Compress(), {"sparse": model_of("sparse")[0]})[-1].name == "sparse, pruned 75%, int8"
    assert names == ["int8", "float16", "pruned 50%, int8", "pruned 50%, float16"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_recipe_applies_its_methods_one_after_the_other(family: str) -> None:
    model, people = model_of(family)
    small = Recipe(ALL).apply({"exact": model}, GIVEN)
    by_hand = int8.compress(prune_sparse.compress(prune_columns.compress(model, GIVEN, ALL), GIVEN, ALL), GIVEN, ALL)
    assert np.array_equal(small.scores(people), by_hand.scores(people))
