"""Every kind of filter against its formula in dense float64, and what all of them promise."""

import numpy as np
import pytest
import torch
from scipy import sparse

from recsmith.engine.filters import fit_filter
from recsmith.engine.filters.base import histories
from recsmith.engine.filters.ridge import COPIES
from recsmith.errors import SizedOut
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.architecture import Filter, describe
from recsmith.model.contract import FilterModel, Model

FILTERS = [
    Filter(left_exponent=0.35, right_exponent=0.35),
    Filter(left_exponent=0.1, right_exponent=-0.2),
    Filter(kind="neighbours", neighbours=3),
    Filter(kind="neighbours", neighbours=100, shrink=5.0),
    Filter(kind="ridge", l2=20.0),
]
every_filter = pytest.mark.parametrize("knobs", FILTERS, ids=describe)


def clustered(n_users: int, n_items: int, *, weights: bool = False, seed: int = 3) -> Graph:
    """Two tastes: users touch items of their own half; the last user and the last item stand alone."""
    draw = np.random.default_rng(seed)
    users = np.repeat(np.arange(n_users - 1), 5)
    items = draw.integers(0, (n_items - 1) // 2, len(users)) * 2 + users % 2
    weight = draw.integers(1, 6, len(users)).astype(np.float32) if weights else None
    pairs = np.unique(np.stack([users, items], 1), axis=0)
    weight = None if weight is None else weight[: len(pairs)]
    return from_edges(pairs[:, 0], pairs[:, 1], n_users, n_items, weight=weight)


@pytest.fixture(params=["fewer people", "fewer items", "weighted"])
def graph(request: pytest.FixtureRequest) -> Graph:
    sizes = {"fewer people": (13, 31), "fewer items": (60, 17), "weighted": (30, 21)}[request.param]
    return clustered(*sizes, weights=request.param == "weighted")


def by_formula(knobs: Filter, rows: np.ndarray) -> np.ndarray:
    """P (I, I) in float64, straight from the definition; rows (U, I)."""
    return {"linear": _linear, "neighbours": _neighbours, "ridge": _ridge}[knobs.kind](knobs, rows.astype(np.float64))


def _linear(knobs: Filter, rows: np.ndarray) -> np.ndarray:
    people, items = rows.sum(1), rows.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        smooth = np.nan_to_num(rows / np.sqrt(people)[:, None] / np.sqrt(items), nan=0.0, posinf=0.0)
        left = np.where(items > 0, items**-knobs.left_exponent, 0)
        right = np.where(items > 0, items**knobs.right_exponent, 0)
    return left[:, None] * (smooth.T @ smooth) * right


def _neighbours(knobs: Filter, rows: np.ndarray) -> np.ndarray:
    norms = np.sqrt((rows**2).sum(0))
    cosine = (rows.T @ rows) / np.maximum(np.outer(norms, norms) + knobs.shrink, 1e-30)
    np.fill_diagonal(cosine, 0)
    kept = np.zeros_like(cosine)
    for target, column in enumerate(cosine.T.astype(np.float32)):
        nearest = [near for near in np.lexsort((np.arange(len(column)), -column)) if column[near] > 0]
        kept[nearest[: knobs.neighbours], target] = cosine[nearest[: knobs.neighbours], target]
    return kept


def _ridge(knobs: Filter, rows: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(rows.T @ rows + knobs.l2 * np.eye(rows.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


@every_filter
def test_a_filter_is_its_formula(knobs: Filter, graph: Graph) -> None:
    rows = histories(graph).toarray()
    np.testing.assert_allclose(fit_filter(knobs, graph).apply(rows), rows @ by_formula(knobs, rows), atol=2e-5)


@every_filter
def test_rows_of_the_filter_are_its_answers_to_single_items(knobs: Filter, graph: Graph) -> None:
    items = np.array([4, 0, graph.n_items - 1])
    expected = by_formula(knobs, histories(graph).toarray())[items]
    np.testing.assert_allclose(fit_filter(knobs, graph).rows(items), expected, atol=2e-5)


@every_filter
def test_people_outside_the_graph_are_answered_like_those_inside(knobs: Filter, graph: Graph) -> None:
    model, users = fit_filter(knobs, graph), np.array([2, 5])
    folded = model.apply(sparse.csr_matrix(histories(graph)[users].toarray()))
    np.testing.assert_allclose(folded, model.scores(users).numpy(), atol=1e-6)


@every_filter
def test_filters_keep_the_contract(knobs: Filter, graph: Graph) -> None:
    model = fit_filter(knobs, graph)
    assert isinstance(model, Model)
    assert isinstance(model, FilterModel)
    scores = model.scores(np.array([1, 3]))
    assert (model.n_users, model.n_items, scores.shape) == (graph.n_users, graph.n_items, (2, graph.n_items))
    assert scores.dtype == torch.float32
    assert model.apply(np.zeros((0, graph.n_items))).shape == (0, graph.n_items)


@every_filter
def test_lonely_people_and_items_give_no_nan(knobs: Filter, graph: Graph) -> None:
    model = fit_filter(knobs, graph)
    scores = model.scores(np.arange(graph.n_users)).numpy()
    assert np.isfinite(scores).all()
    assert scores[-1].tolist() == model.popularity.tolist()
    assert not model.apply(np.zeros((1, graph.n_items))).any()
    assert not scores[:-1, -1].any()


@every_filter
def test_the_taste_of_a_history_is_found(knobs: Filter) -> None:
    graph = clustered(81, 31)
    scores = fit_filter(knobs, graph).scores(np.arange(80)).numpy()
    even = scores[:, :-1:2].mean(1) > scores[:, 1::2].mean(1)
    assert (even == (np.arange(80) % 2 == 0)).all()


@every_filter
def test_scores_do_not_depend_on_the_size_of_a_block(knobs: Filter, graph: Graph) -> None:
    model, users = fit_filter(knobs, graph), np.arange(graph.n_users)
    one_by_one = torch.cat([model.scores(users[[user]]) for user in users])
    np.testing.assert_allclose(model.scores(users), one_by_one, atol=1e-5)


@every_filter
def test_fitting_twice_gives_the_same_bytes(knobs: Filter, graph: Graph) -> None:
    first, second = (fit_filter(knobs, graph).scores(np.arange(graph.n_users)) for _ in range(2))
    assert torch.equal(first, second)


@every_filter
def test_a_graph_without_edges_is_answered_with_zeros(knobs: Filter) -> None:
    empty = from_edges(np.zeros(0, int), np.zeros(0, int), 3, 4)
    assert not fit_filter(knobs, empty).scores(np.arange(3)).any()


def test_parallel_edges_of_equal_weight_count_once() -> None:
    once = from_edges(np.array([0, 0, 1]), np.array([0, 1, 1]), 2, 2)
    twice = from_edges(
        np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 2, 2, event=np.array([0, 1, 0, 0]), events=("a", "b")
    )
    assert (histories(once) != histories(twice)).nnz == 0


def test_weights_are_read_where_an_edge_weighs_other_than_one() -> None:
    graph = from_edges(np.array([0, 0]), np.array([0, 0]), 1, 1, weight=np.array([1, 2.5]), event=np.array([0, 1]))
    assert histories(graph)[0, 0] == 3.5


def test_negative_weights_give_numbers() -> None:
    graph = from_edges(np.array([0, 0, 1]), np.array([0, 1, 1]), 2, 2, weight=np.array([1, -1, 2.0]))
    for knobs in FILTERS:
        assert torch.isfinite(fit_filter(knobs, graph).scores(np.arange(2))).all()


def test_both_forms_of_the_ridge_are_one() -> None:
    wide = clustered(13, 31)
    rows = histories(wide).toarray()
    tall = from_edges(*np.nonzero(np.vstack([rows, rows, rows])), 39, 31)
    ours = fit_filter(Filter(kind="ridge", l2=7.0), wide).apply(rows)
    theirs = fit_filter(Filter(kind="ridge", l2=21.0), tall).apply(rows)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_ridge_that_does_not_fit_is_sized_out_with_its_bytes() -> None:
    graph = clustered(300, 301)
    people = int((np.diff(graph.indptr) > 0).sum())
    items = int((np.diff(graph.item_indptr) > 0).sum())
    needed = 8 * COPIES * min(people, items) ** 2
    with pytest.raises(SizedOut, match=f"{needed:,} bytes.*memory_mb = 1 "):
        fit_filter(Filter(kind="ridge"), graph, memory_mb=1)


def test_the_linear_filter_is_answered_in_parts_where_there_are_many_people(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = clustered(30, 21)
    expected = fit_filter(Filter(), graph).scores(np.arange(30))
    monkeypatch.setattr("recsmith.engine.filters.linear.MOST", 70)
    np.testing.assert_allclose(fit_filter(Filter(), graph).scores(np.arange(30)), expected, atol=1e-6)
