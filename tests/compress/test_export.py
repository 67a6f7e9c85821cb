from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from planted_models import N_ITEMS, RANK, PlantedFilter, filter_model, graph, low_rank, served, vector_model

from recsmith.compress.choose import Recipe, Row, export_loss
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.export import BOTH, ENTRIES, EXACT, TIED, VECTORS, export, forms
from recsmith.compress.filter_rows import FilterRows
from recsmith.compress.histories import histories
from recsmith.compress.largest import Wanted, largest
from recsmith.compress.low_rank import factors
from recsmith.config.compress import Export
from recsmith.engine.filters import fit_filter
from recsmith.engine.rank.ranking import top_lists
from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.architecture import Filter
from recsmith.model.contract import Model
from recsmith.model.names import FILTERS
from recsmith.serving.model import Query, ServingModel, top_k


def first(model: Model, graph: Graph, params: Export, memory_mb: int = 100) -> ServingModel:
    """The form that the parameters ask for."""
    return next(iter(export(model, graph, params, 7, memory_mb).values()))


def dense(model: ServingModel) -> np.ndarray:
    """What each item alone in a history gives, seen items included. Shapes: -> (I, I)."""
    out = np.zeros((N_ITEMS, N_ITEMS), np.float32)
    if model.projection is not None and model.item_vectors is not None:
        out += model.projection.dequantised() @ model.item_vectors.dequantised().T
    if model.sparse is not None:
        length, column, value = model.sparse.gather(np.arange(N_ITEMS))
        out[np.repeat(np.arange(N_ITEMS), length), column] += value
    return out


def test_a_filter_of_low_rank_is_exported_without_loss() -> None:
    exact = filter_model()
    small = first(exact, graph(), Export(rank=RANK, top_k=0))
    assert small.rank == RANK
    assert small.sparse is None
    np.testing.assert_allclose(dense(small), exact.matrix, atol=1e-4)


def test_rank_never_exceeds_that_of_the_matrix() -> None:
    assert first(filter_model(), graph(), Export(rank=64, top_k=0)).rank == RANK
    assert first(filter_model(), graph(), Export(rank=10_000, top_k=0)).rank == RANK


def test_the_sparse_rest_repairs_what_low_rank_cannot_express() -> None:
    exact, error = filter_model(rest=1.0), []
    off = ~np.eye(N_ITEMS, dtype=bool)
    for k in (0, 5, N_ITEMS):
        small = first(exact, graph(), Export(rank=RANK, top_k=k))
        error.append(np.abs(dense(small) - exact.matrix)[off].max())
    assert error[0] > error[1] > error[2]
    assert error[2] < 1e-5


def test_the_best_low_rank_is_that_of_a_full_decomposition() -> None:
    exact, rank = filter_model(rest=1.0), 5
    weight = np.sqrt(exact.popularity)
    left, right = factors(FilterRows(exact, 100), rank, weight, 7)
    values = np.linalg.svd(weight[:, None] * exact.matrix, compute_uv=False)
    best = np.sqrt((values[rank:] ** 2).sum())
    assert np.linalg.norm(weight[:, None] * (exact.matrix - left @ right.T)) < 1.02 * best


def test_the_entries_that_are_kept_are_worth_most_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    exact, count = filter_model(rest=1.0), 200
    weight = np.sqrt(exact.popularity)
    worth = np.abs(exact.matrix) * weight[:, None]
    np.fill_diagonal(worth, 0)
    expected = set(np.argsort(-worth, axis=None, kind="stable")[:count].tolist())
    for block in (1024, 16):
        monkeypatch.setattr("recsmith.compress.filter_rows.BLOCK", block)
        kept = largest(FilterRows(exact, 100), [Wanted(None, count)], weight)[0].tocoo()
        assert set((kept.row.astype(int) * N_ITEMS + kept.col).tolist()) == expected
        assert np.array_equal(kept.data, exact.matrix[kept.row, kept.col])


def test_a_filter_comes_in_four_forms_and_a_network_in_one() -> None:
    made = export(filter_model(1.0), graph(), Export(rank=8, top_k=12), 7, 100)
    assert list(made) == [BOTH, VECTORS, ENTRIES, TIED]
    assert [model.rank for model in made.values()] == [8, 8, 0, 8]
    assert [model.sparse is None for model in made.values()] == [False, True, False, True]
    assert made[ENTRIES].model_bytes == pytest.approx(made[BOTH].model_bytes, rel=0.1)
    assert list(export(vector_model(), graph(), Export(), 7, 100)) == [EXACT]
    assert list(forms(Export(rank=8, top_k=0))) == [VECTORS]


def test_a_filter_that_is_of_low_rank_has_no_entries_beside_it_and_takes_every_precision() -> None:
    exact = filter_model(rest=0.0)
    made = export(exact, graph(), Export(rank=N_ITEMS, top_k=12), 7, 100)
    both = made[BOTH]
    assert both.sparse is not None
    assert len(both.sparse.data) == 0
    off = ~np.eye(N_ITEMS, dtype=bool)
    assert np.abs(dense(both) - exact.matrix)[off].max() < 1e-4 * np.abs(exact.matrix).max()
    everybody = histories(graph())
    for precision in ("float16", "int8", "int4"):
        small = Recipe(Knobs(precision), BOTH).apply(made, Calibration(everybody, 7))
        assert np.corrcoef(small.scores(everybody).ravel(), both.scores(everybody).ravel())[0, 1] > 0.9


def test_columns_of_both_sides_are_of_equal_length() -> None:
    left, right = factors(FilterRows(filter_model(), 100), RANK, np.ones(N_ITEMS, np.float32), 7)
    np.testing.assert_allclose(np.linalg.norm(left, axis=0), np.linalg.norm(right, axis=0), rtol=1e-3)


def test_export_does_not_depend_on_whether_the_matrix_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = first(filter_model(1.0), graph(), Export(rank=RANK, top_k=12))
    monkeypatch.setattr("recsmith.compress.filter_rows.BLOCK", 16)
    blocked = first(filter_model(1.0), graph(), Export(rank=RANK, top_k=12), 0)
    np.testing.assert_allclose(dense(kept), dense(blocked), atol=1e-4)


@pytest.mark.parametrize("family", ["gnn", "filter"])
def test_export_twice_gives_the_same_bytes(family: str) -> None:
    one, two = served(family)[0], served(family)[0]
    for name in ("item_vectors", "projection", "user_vectors"):
        first, second = getattr(one, name), getattr(two, name)
        assert first is second or np.array_equal(first.values, second.values)
    if one.sparse is not None:
        assert two.sparse is not None
        assert np.array_equal(one.sparse.data, two.sparse.data)


def test_a_network_is_exported_exactly_and_people_without_history_have_no_vector() -> None:
    exact = vector_model()
    small = first(exact, graph(), Export())
    users = np.arange(exact.n_users)
    lists, _ = top_k(small, histories(graph()), 10)
    assert small.user_vectors is not None
    assert small.user_vectors.shape[0] == exact.n_users - 1
    assert np.array_equal(lists, top_lists(exact, users, 10, graph(), memory_mb=100))


MIXTURE = Filter(kind="mixture", parts=(Filter(kind="polynomial"), Filter(kind="neighbours")), weights=(1.0, 0.3))
KINDS = [Filter.model_validate({"kind": kind, "l2": 10.0}) for kind in FILTERS if kind != "mixture"]


@pytest.mark.parametrize("knobs", [*KINDS, MIXTURE], ids=lambda knobs: knobs.kind)
def test_every_kind_of_filter_is_exported_with_the_lists_that_it_has(knobs: Filter) -> None:
    exact = fit_filter(knobs, graph())
    small = first(exact, graph(), Export(rank=N_ITEMS, top_k=0))
    lists, _ = top_k(small, histories(graph()), 5)
    expected = top_lists(exact, np.arange(exact.n_users), 5, graph(), memory_mb=100)
    assert (lists == expected).mean() > 0.98


def test_a_sparse_filter_is_exported_exactly_and_without_vectors() -> None:
    exact = fit_filter(Filter(kind="neighbours", neighbours=20), graph())
    small = first(exact, graph(), Export())
    assert small.item_vectors is None
    np.testing.assert_allclose(dense(small), exact.rows(np.arange(N_ITEMS)), atol=1e-6)


def test_a_low_pass_filter_is_exported_exactly_and_without_entries() -> None:
    exact = fit_filter(Filter(kind="low_pass", rank=12), graph())
    made = export(exact, graph(), Export(rank=3), 7, 100)
    assert list(made) == [EXACT, TIED]
    assert (made[EXACT].rank, made[EXACT].sparse) == (12, None)
    np.testing.assert_allclose(dense(made[EXACT]), exact.rows(np.arange(N_ITEMS)), atol=1e-5)


def test_a_mixture_with_a_sparse_part_is_not_taken_for_a_sparse_filter() -> None:
    parts = (Filter(kind="neighbours"), Filter(kind="low_pass", rank=5))
    for knobs in (MIXTURE, Filter(kind="mixture", parts=parts, weights=(1.0, 1.0))):
        made = export(fit_filter(knobs, graph()), graph(), Export(rank=8, top_k=4), 7, 100)
        assert list(made) == [*forms(Export()), TIED]


def test_the_rows_of_a_filter_are_read_once_for_all_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    exact, read = filter_model(1.0), []
    monkeypatch.setattr(FilterRows, "_kept", None)
    monkeypatch.setattr(exact, "rows", lambda items: read.extend(items) or exact.matrix[items])
    export(exact, graph(), Export(rank=8, top_k=12), 7, 100)
    assert read == np.flatnonzero(exact.popularity).tolist()


def test_weights_of_a_history_count_as_they_do_in_the_exact_filter() -> None:
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((20, 30)) < 0.3)
    weighted = from_edges(users, items, 20, 30, weight=rng.random(len(users)).astype(np.float32) + 0.1)
    exact = fit_filter(Filter(kind="ridge", l2=1.0), weighted)
    small = first(exact, weighted, Export(rank=30, top_k=0))
    scores = small.scores(histories(weighted))
    seen = weighted.binary.toarray() > 0
    np.testing.assert_allclose(scores[~seen], exact.scores(np.arange(20)).numpy()[~seen], atol=1e-3)


def test_a_model_of_neither_family_is_refused() -> None:
    class Other:
        n_users, n_items = 1, 1

    other: Any = Other()
    with pytest.raises(UserError, match="Other has neither vectors nor a filter matrix"):
        export(other, graph(), Export(), 7, 100)


def test_a_filter_of_zeros_still_serves() -> None:
    exact = PlantedFilter(graph(), np.zeros_like(low_rank()))
    small = first(exact, graph(), Export(rank=4, top_k=3))
    assert (top_k(small, histories(graph()), 5)[0] >= 0).all()


def test_a_known_history_folded_in_is_served_nearly_what_its_stored_vector_is() -> None:
    model, people = first(vector_model(), graph(), Export()), histories(graph())
    stored, _ = top_k(model, people, 20)
    folded, _ = top_k(model, replace(people, users=None), 20)
    taste = np.arange(len(people)) % 3
    known = np.diff(people.indptr) > 0
    for lists in (stored, folded):
        assert (lists[known] % 3 == taste[known, None]).mean() > 0.8


@pytest.mark.parametrize("kind", ["linear", "ridge"])
def test_a_filter_needs_no_stored_vectors_because_folding_in_is_exact(kind: str) -> None:
    exact = fit_filter(Filter.model_validate({"kind": kind, "l2": 10.0}), graph())
    model = first(exact, graph(), Export(rank=N_ITEMS, top_k=0))
    assert model.user_vectors is None
    people = histories(graph())
    one_by_one = [top_k(model, [Query(people.part(n, n + 1).indices)], 5)[0][0] for n in range(len(people))]
    assert np.array_equal(np.stack(one_by_one), top_k(model, people, 5)[0])


def test_the_loss_of_the_export_on_valid_is_said_in_one_line() -> None:
    row = Row(Recipe(Knobs(), BOTH), True, 10, 1.0, {"ndcg@20": 0.09}, 0.9)
    line = export_loss(row, "ndcg@20", 0.1)
    assert line.count("\n") == 0
    assert "both" in line
    assert "0.09000" in line
    assert "0.10000" in line
    assert "10.00%" in line
