"""Every kind of filter against its formula in dense float64, and what all of them promise."""

import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev
from scipy import sparse

from recsmith.engine.filters import KINDS, fit_filter
from recsmith.engine.filters.mixture import SERIES, Mixture
from recsmith.engine.filters.polynomial import series
from recsmith.engine.filters.ridge import COPIES
from recsmith.engine.sparse.normal import histories, queries
from recsmith.engine.spectral import spectrum
from recsmith.engine.spectral.krylov import decompose
from recsmith.errors import SizedOut
from recsmith.graph.graph import Graph, from_edges
from recsmith.model import names
from recsmith.model.architecture import Filter, describe
from recsmith.model.contract import FilterModel, Model

FILTERS = [
    Filter(left_exponent=0.35, right_exponent=0.35),
    Filter(left_exponent=0.1, right_exponent=-0.2),
    Filter(kind="neighbours", neighbours=3),
    Filter(kind="neighbours", neighbours=100, shrink=5.0),
    Filter(kind="ridge", l2=20.0),
    Filter(kind="low_pass", rank=4, left_exponent=0.3, right_exponent=0.1),
    Filter(kind="low_pass", rank=10_000),
    Filter(kind="polynomial", order=1),
    Filter(kind="polynomial", order=8, left_exponent=0.1, right_exponent=0.4),
    Filter(kind="polynomial", order=5, flatness=2.5, left_exponent=-0.2),
]
FILTERS += [
    Filter(kind="mixture", parts=(FILTERS[-2], FILTERS[5], FILTERS[-2]), weights=(1.0, 0.3, -0.25)),
    Filter(kind="mixture", parts=(FILTERS[0], FILTERS[2], FILTERS[4], FILTERS[7]), weights=(2.0, 0.3, 0.5, 1.0)),
    Filter(kind="mixture", parts=(FILTERS[3],), weights=(0.5,)),
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
    if knobs.kind == "mixture":
        parts = zip(knobs.weights, knobs.parts, strict=True)
        return np.sum([weight * by_formula(part, rows) for weight, part in parts], axis=0)
    kinds = {"neighbours": _neighbours, "ridge": _ridge}
    return kinds.get(knobs.kind, _spectral)(knobs, rows.astype(np.float64))


def _spectral(knobs: Filter, rows: np.ndarray) -> np.ndarray:
    """By the eigenvalues and eigenvectors of G, each of which is weighted by what the filter makes of it."""
    items = rows.sum(0)
    _, values, vectors = np.linalg.svd(smooth(rows), full_matrices=False)
    gains = {"linear": values**2, "low_pass": (np.arange(len(values)) < knobs.rank) & (values > 1e-6)}
    gain = gains[knobs.kind] if knobs.kind in gains else interpolated(knobs, values**2)
    with np.errstate(divide="ignore"):
        left = np.where(items > 0, items**-knobs.left_exponent, 0)
        right = np.where(items > 0, items**knobs.right_exponent, 0)
    return left[:, None] * (vectors.T @ (gain[:, None] * vectors)) * right


def smooth(rows: np.ndarray) -> np.ndarray:
    """R~ (U, I) float64."""
    rows = rows.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(rows / np.sqrt(rows.sum(1))[:, None] / np.sqrt(rows.sum(0)), nan=0.0, posinf=0.0)


def plateau(x: np.ndarray, flatness: float) -> np.ndarray:
    """Kim et al. 2025: the response at ``x = 1 - 2 lambda``."""
    return np.where(x < 0, 0.5 * np.abs(x) ** flatness + 0.5, 0.5 - 0.5 * np.abs(x) ** flatness)


def interpolated(knobs: Filter, eigenvalues: np.ndarray) -> np.ndarray:
    """The polynomial through the response at the Chebyshev-Gauss-Lobatto nodes, by Lagrange's formula."""
    nodes = np.cos(np.pi * np.arange(knobs.order + 1) / knobs.order)
    x, out = 1 - 2 * eigenvalues, np.zeros(len(eigenvalues))
    for node, value in zip(nodes, plateau(nodes, knobs.flatness), strict=True):
        others = nodes[nodes != node]
        out += value * np.prod((x[:, None] - others) / (node - others), axis=1)
    return out


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
    graph = from_edges(
        np.array([0, 0]), np.array([0, 0]), 1, 1, weight=np.array([1, 2.5]), event=np.array([0, 1]), events=("a", "b")
    )
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


@every_filter
def test_products_from_the_right_are_those_of_the_matrix(knobs: Filter, graph: Graph) -> None:
    vectors = np.random.default_rng(1).standard_normal((graph.n_items, 35)).astype(np.float32)
    expected = by_formula(knobs, histories(graph).toarray()) @ vectors
    np.testing.assert_allclose(fit_filter(knobs, graph).times(vectors), expected, atol=1e-4)


@every_filter
def test_scores_do_not_depend_on_the_number_of_threads(knobs: Filter, graph: Graph) -> None:
    users, threads, scores = np.arange(graph.n_users), torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            scores.append(fit_filter(knobs, graph).scores(users).numpy())
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-5)


@every_filter
def test_a_user_with_every_item_and_a_single_pair_are_answered(knobs: Filter) -> None:
    everything = from_edges(np.repeat([0, 1], [6, 2]), np.array([0, 1, 2, 3, 4, 5, 1, 4]), 3, 6)
    for graph in (everything, from_edges(np.zeros(1, int), np.zeros(1, int), 1, 1)):
        rows = histories(graph).toarray()
        np.testing.assert_allclose(fit_filter(knobs, graph).apply(rows), rows @ by_formula(knobs, rows), atol=2e-5)


@pytest.mark.parametrize("order", [1, 2, 7, 24])
@pytest.mark.parametrize("flatness", [0.5, 1.5, 4.0])
def test_the_polynomial_meets_the_response_at_the_nodes(order: int, flatness: float) -> None:
    nodes = np.cos(np.pi * np.arange(order + 1) / order)
    eigenvalues = (1 - nodes) / 2
    ours = eigenvalues * chebyshev.chebval(-nodes, series(order, flatness))
    np.testing.assert_allclose(ours, plateau(nodes, flatness), atol=1e-9)


def test_a_polynomial_of_order_one_is_the_linear_filter(graph: Graph) -> None:
    users = np.arange(graph.n_users)
    linear, polynomial = (fit_filter(Filter.model_validate({"kind": kind, "order": 1}), graph) for kind in SERIES)
    np.testing.assert_allclose(linear.scores(users), polynomial.scores(users), atol=1e-6)


def test_polynomials_of_equal_exponents_are_applied_as_one(graph: Graph) -> None:
    parts = (Filter(), Filter(kind="polynomial"), Filter(kind="polynomial", left_exponent=0.2))
    mixture = fit_filter(Filter(kind="mixture", parts=parts, weights=(1.0, 1.0, 1.0)), graph)
    assert isinstance(mixture, Mixture)
    assert len(mixture.parts) == 2


@pytest.mark.parametrize("kind", ["linear", "polynomial"])
def test_long_lists_of_histories_are_answered_in_narrow_blocks(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, knobs = clustered(90, 21), Filter.model_validate({"kind": kind})
    expected = fit_filter(knobs, graph).scores(np.arange(90))
    monkeypatch.setattr("recsmith.engine.filters.polynomial.WIDTH", {"cpu": 7})
    np.testing.assert_allclose(fit_filter(knobs, graph).scores(np.arange(90)), expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["ridge", "low_pass"])
def test_a_mixture_is_sized_out_with_its_part(kind: str) -> None:
    part = Filter.model_validate({"kind": kind, "rank": 300})
    mixture = Filter(kind="mixture", parts=(Filter(), part), weights=(1.0, 0.5))
    with pytest.raises(SizedOut, match=r"bytes.*memory_mb = 1 "):
        fit_filter(mixture, clustered(300, 301), memory_mb=1)


def test_parts_of_a_mixture_share_one_decomposition(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(spectrum, "_held", {})
    monkeypatch.setattr(spectrum, "decompose", lambda *args: calls.append(1) or decompose(*args))
    parts = (Filter(kind="low_pass", rank=4), Filter(kind="low_pass", rank=9))
    graph = clustered(40, 30)
    for weight in (0.5, 1.0):
        fit_filter(Filter(kind="mixture", parts=parts, weights=(1.0, weight)), graph)
    assert len(calls) == 1


def test_every_kind_has_a_test() -> None:
    assert {knobs.kind for knobs in FILTERS} == set(KINDS) == set(names.FILTERS)


def ordered(events: bool = False) -> Graph:
    """Everybody's items one after the other, the later ones of higher number; with a view of item 0 at the end."""
    users, items = np.repeat(np.arange(6), 4), np.tile(np.arange(4), 6) + np.repeat(np.arange(6), 4) % 3
    times, event = np.tile(np.arange(4), 6), np.zeros(24, int)
    if events:
        users, items, times, event = (np.append(a, b) for a, b in ((users, 0), (items, 0), (times, 9), (event, 1)))
    names = ("buy", "view") if events else ("interaction",)
    return from_edges(users, items, 6, 6, timestamp=times, event=event, events=names)


def test_a_history_fades_by_what_came_later_and_the_last_event_with_an_item_counts() -> None:
    faded = queries(ordered(), 0.5).toarray()[0]
    assert faded == pytest.approx([4**-0.5, 3**-0.5, 2**-0.5, 1, 0, 0])
    assert queries(ordered(events=True), 1.0).toarray()[0] == pytest.approx([1, 1 / 4, 1 / 3, 1 / 2, 0, 0])
    assert (queries(ordered(), 0.0) != histories(ordered())).nnz == 0


@every_filter
def test_recency_changes_what_a_filter_is_asked_and_not_what_it_is_fitted_to(knobs: Filter) -> None:
    graph = ordered()
    plain, fading = (fit_filter(knobs.model_copy(update={"recency": value}), graph) for value in (0.0, 1.0))
    expected = plain.apply(queries(graph, 1.0))
    assert fading.scores(np.arange(6)).numpy() == pytest.approx(expected, abs=1e-5)
    assert fading.rows(np.arange(6)) == pytest.approx(plain.rows(np.arange(6)))


def test_parts_of_a_mixture_share_its_recency() -> None:
    with pytest.raises(ValueError, match="belongs to the mixture"):
        Filter(kind="mixture", parts=(Filter(recency=0.5),), weights=(1.0,))
