import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from recsmith.errors import UserError
from recsmith.serving.fold_in import FoldIn, solve
from recsmith.serving.model import Batch, Query, ServingModel, top_k
from recsmith.serving.select import select
from recsmith.serving.tables import SparseTable, Table

RNG = np.random.default_rng


def brute(scores: np.ndarray, k: int) -> np.ndarray:
    """The reference: sort every row by (-score, index); -inf is never listed."""
    items = np.full((len(scores), k), -1, np.int32)
    for row, values in enumerate(scores):
        order = [i for i in np.lexsort((np.arange(len(values)), -values)) if values[i] > -np.inf][:k]
        items[row, : len(order)] = order
    return items


def sparse_table(matrix: np.ndarray) -> SparseTable:
    csr = sparse.csr_matrix(matrix)
    return SparseTable(csr.indptr, csr.indices, csr.data.astype(np.float32), matrix.shape[1])


def low_rank_plus_sparse(n_items: int = 40, rank: int = 5, seed: int = 0) -> tuple[ServingModel, np.ndarray]:
    rng = RNG(seed)
    similarity = np.where(rng.random((n_items, n_items)) < 0.2, rng.normal(size=(n_items, n_items)), 0).astype(
        np.float32
    )
    return (
        ServingModel(
            popularity=rng.integers(0, 50, n_items).astype(np.float32),
            item_vectors=Table(rng.normal(size=(n_items, rank)).astype(np.float32)),
            projection=Table(rng.normal(size=(n_items, rank)).astype(np.float32)),
            sparse=sparse_table(similarity),
        ),
        similarity,
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 400), st.integers(1, 30), st.integers(2, 1000))
def test_select_equals_a_full_sort_with_ties_and_hidden_items(
    seed: int, rows: int, columns: int, k: int, levels: int
) -> None:
    rng = RNG(seed)
    scores = rng.integers(0, levels, (rows, columns)).astype(np.float32)
    scores[rng.random((rows, columns)) < 0.3] = -np.inf
    items, values = select(scores, k)
    assert np.array_equal(items, brute(scores, k))
    listed = items >= 0
    assert np.array_equal(values[listed], np.take_along_axis(scores, np.maximum(items, 0), 1)[listed])
    assert np.isneginf(values[~listed]).all()


def test_scores_are_low_rank_plus_sparse_and_equal_the_dense_product() -> None:
    model, similarity = low_rank_plus_sparse()
    rng = RNG(1)
    entries = sparse.random(9, 40, 0.2, rng=rng, data_rvs=lambda n: rng.random(n) + 0.5)
    histories = sparse.csr_matrix(entries.astype(np.float32))
    histories.sort_indices()
    batch = Batch(histories.indptr, histories.indices, histories.data)
    dense = histories.toarray()
    assert model.projection is not None
    assert model.item_vectors is not None
    expected = dense @ model.projection.dequantised() @ model.item_vectors.dequantised().T + dense @ similarity
    expected[np.diff(histories.indptr) == 0] = model.popularity
    np.testing.assert_allclose(model.scores(batch), expected, atol=1e-4)


def test_top_k_leaves_out_seen_items_and_obeys_allow_and_block_lists() -> None:
    model, _ = low_rank_plus_sparse()
    query = Query(np.array([3, 7, 21]))
    items, _ = top_k(model, [query], 40)
    assert not {3, 7, 21} & set(items[0].tolist())
    assert (items[0] >= 0).sum() == 37
    assert {3, 7, 21} <= set(top_k(model, [query], 40, seen=True)[0][0].tolist())
    allowed, _ = top_k(model, [query], 5, allow=np.array([1, 2, 3]), block=np.array([2]))
    assert allowed[0].tolist() == [1, -1, -1, -1, -1]


def test_the_answer_does_not_depend_on_how_queries_are_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = low_rank_plus_sparse()
    queries = [Query(np.unique(RNG(n).integers(0, 40, n % 7))) for n in range(30)]
    whole = top_k(model, queries, 10)
    monkeypatch.setattr("recsmith.serving.model.MEMORY", 1)
    single = top_k(model, queries, 10)
    assert np.array_equal(whole[0], single[0])
    np.testing.assert_allclose(whole[1], single[1], atol=1e-5)


def test_an_empty_history_gets_the_popularity_list() -> None:
    model, _ = low_rank_plus_sparse()
    items, scores = top_k(model, [Query(np.zeros(0, np.int64))], 5)
    assert np.array_equal(items, brute(model.popularity[None], 5))
    assert np.array_equal(scores[0], model.popularity[items[0]])


def test_k_larger_than_the_catalogue_is_padded_and_k_below_one_refused() -> None:
    model, _ = low_rank_plus_sparse()
    items, scores = top_k(model, [Query(np.array([0]))], 100)
    assert items.shape == (1, 100)
    assert (items[0, 39:] == -1).all()
    assert np.isneginf(scores[0, 39:]).all()
    with pytest.raises(UserError, match="k = 0"):
        top_k(model, [Query(np.array([0]))], 0)


def test_ridge_fold_in_is_equation_4_of_hu_koren_volinsky() -> None:
    rng = RNG(3)
    vectors, history = rng.normal(size=(30, 4)).astype(np.float32), np.array([2, 5, 11])
    knobs = FoldIn(alpha=10.0, l2=0.1)
    confidence = np.ones(30)
    confidence[history] += 10.0
    wish = np.zeros(30)
    wish[history] = 1
    gram = vectors.astype(np.float64).T @ vectors
    ridge = 0.1 * np.trace(gram) / 4 * np.eye(4)
    expected = np.linalg.solve(vectors.T * confidence @ vectors + ridge, vectors.T @ (confidence * wish))
    folded = solve(vectors[history], np.ones(3, np.float32), gram, knobs)
    np.testing.assert_allclose(folded, expected, rtol=1e-4)


def test_stored_vectors_serve_known_people_and_the_ridge_solve_everybody_else() -> None:
    rng = RNG(4)
    items, users = rng.normal(size=(30, 4)).astype(np.float32), rng.normal(size=(2, 4)).astype(np.float32)
    model = ServingModel(np.arange(30, dtype=np.float32), Table(items), user_vectors=Table(users))
    batch = Batch(np.array([0, 2, 4, 4]), np.array([1, 2, 3, 4]), users=np.array([1, -1, -1]))
    vectors = model.vectors(batch)
    assert np.array_equal(vectors[0], users[1])
    assert np.abs(vectors[1]).max() > 0
    assert not vectors[2].any()
    folded = top_k(model, [Query(np.array([3, 4]))], 5)[0]
    assert np.array_equal(top_k(model, batch, 5)[0][1], folded[0])


@pytest.mark.parametrize(
    ("values", "scale", "message"),
    [
        (np.array([[np.nan]], np.float32), None, "NaN"),
        (np.zeros((1, 1), np.float64), None, "float64"),
        (np.zeros((1, 1), np.int8), None, "scale"),
        (np.zeros((1, 1), np.int8), np.array([-1.0], np.float32), "positive"),
        (np.zeros((1, 1), np.int8), np.array([0.0], np.float32), "positive"),
        (np.zeros((2, 1), np.int8), np.array([1.0], np.float32), "one for each row"),
        (np.zeros(3, np.float32), None, "two dimensions"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(values: np.ndarray, scale: np.ndarray | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Table(values, scale)


def test_a_model_without_tables_or_with_tables_that_do_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match="neither"):
        ServingModel(np.ones(3, np.float32))
    with pytest.raises(UserError, match=r"\(3, 2\)"):
        ServingModel(np.ones(3, np.float32), Table(np.ones((3, 2), np.float32)), Table(np.ones((3, 3), np.float32)))
