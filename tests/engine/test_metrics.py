"""Metrics against fractions worked out by hand and against an independent library."""

import importlib
from dataclasses import dataclass
from fractions import Fraction
from math import log2
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recsmith.engine.rank.evaluate import evaluate
from recsmith.engine.rank.metrics import evaluate_lists, hits, mean, per_user
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import from_pairs
from recsmith.model.names import METRICS


def exactly(value: object) -> object:
    return pytest.approx(float(value), rel=0, abs=1e-12)


@pytest.fixture
def one_user() -> dict[str, float]:
    """Three relevant items, one of them unknown to the catalogue; hits at ranks 2 and 3 of 4."""
    relevant = from_pairs(np.array([0, 0, 0]), np.array([5, 7, 99]), n_users=1, n_items=10)
    return evaluate_lists(np.array([[1, 5, 7, 2]]), np.array([0]), relevant, (1, 2, 3, 4, 10))


def test_precision_divides_by_the_cutoff(one_user: dict[str, float]) -> None:
    assert one_user["precision@1"] == 0
    assert one_user["precision@2"] == exactly(Fraction(1, 2))
    assert one_user["precision@3"] == exactly(Fraction(2, 3))
    assert one_user["precision@4"] == exactly(Fraction(2, 4))


def test_precision_divides_by_the_cutoff_where_fewer_items_are_listed(one_user: dict[str, float]) -> None:
    assert one_user["precision@10"] == exactly(Fraction(2, 10))


def test_recall_divides_by_all_relevant_items_cold_ones_included(one_user: dict[str, float]) -> None:
    assert one_user["recall@2"] == exactly(Fraction(1, 3))
    assert one_user["recall@4"] == exactly(Fraction(2, 3))
    assert one_user["recall@10"] == exactly(Fraction(2, 3))


def test_f1_is_the_harmonic_mean_of_a_users_precision_and_recall(one_user: dict[str, float]) -> None:
    assert one_user["f1@1"] == 0
    assert one_user["f1@2"] == exactly(2 * Fraction(1, 2) * Fraction(1, 3) / (Fraction(1, 2) + Fraction(1, 3)))
    assert one_user["f1@4"] == exactly(Fraction(4, 7))


def test_hit_rate_asks_for_one_hit(one_user: dict[str, float]) -> None:
    assert [one_user[f"hit_rate@{cutoff}"] for cutoff in (1, 2, 3, 10)] == [0, 1, 1, 1]


def test_mrr_is_the_inverse_rank_of_the_first_hit_within_the_cutoff(one_user: dict[str, float]) -> None:
    assert [one_user[f"mrr@{cutoff}"] for cutoff in (1, 2, 10)] == [0, 0.5, 0.5]


def test_map_divides_by_the_hits_that_the_cutoff_allows(one_user: dict[str, float]) -> None:
    assert one_user["map@2"] == exactly(Fraction(1, 2) / 2)
    assert one_user["map@3"] == exactly((Fraction(1, 2) + Fraction(2, 3)) / 3)
    assert one_user["map@10"] == exactly((Fraction(1, 2) + Fraction(2, 3)) / 3)


def test_ndcg_is_cut_at_the_smaller_of_cutoff_and_relevant_items(one_user: dict[str, float]) -> None:
    gain, ideal = 1 / log2(3) + 1 / log2(4), 1 + 1 / log2(3) + 1 / log2(4)
    assert one_user["ndcg@1"] == 0
    assert one_user["ndcg@2"] == exactly((1 / log2(3)) / (1 + 1 / log2(3)))
    assert one_user["ndcg@3"] == exactly(gain / ideal)
    assert one_user["ndcg@10"] == exactly(gain / ideal)


def test_every_metric_is_given_at_every_cutoff() -> None:
    values = per_user(np.zeros((2, 3), bool), np.array([1, 2]), (3, 1, 5))
    assert set(values) == {f"{name}@{cutoff}" for name in METRICS for cutoff in (1, 3, 5)}
    assert all(value.shape == (2,) and value.dtype == np.float64 for value in values.values())


def test_a_perfect_list_scores_one_everywhere_that_one_can_be_reached() -> None:
    values = mean(per_user(np.array([[True, True, False, False]]), np.array([2]), (2, 4)))
    assert all(values[f"{name}@2"] == 1 for name in METRICS)
    assert [values[f"{name}@4"] for name in ("recall", "hit_rate", "mrr", "map", "ndcg")] == [1] * 5


def test_a_user_without_relevant_items_scores_zero_and_not_nan() -> None:
    values = per_user(np.zeros((1, 2), bool), np.array([0]), (1, 2))
    assert all(value[0] == 0 for value in values.values())


def test_nobody_and_nothing_listed_give_zeros() -> None:
    assert set(mean(per_user(np.zeros((0, 5), bool), np.zeros(0, int), (5,))).values()) == {0.0}
    assert set(mean(per_user(np.zeros((3, 0), bool), np.ones(3, int), (5,))).values()) == {0.0}


def test_an_empty_place_is_never_a_hit() -> None:
    relevant = from_pairs(np.array([1, 1]), np.array([0, 3]), n_users=2, n_items=4)
    lists = np.array([[-1, -1, -1], [3, -1, -1]])
    assert hits(lists, np.array([0, 1]), relevant).tolist() == [[False] * 3, [True, False, False]]


def test_hits_are_looked_up_for_the_user_of_the_row() -> None:
    relevant = from_pairs(np.array([0, 1, 2]), np.array([1, 2, 0]), n_users=3, n_items=3)
    assert hits(np.array([[2, 1], [0, 2]]), np.array([1, 2]), relevant).tolist() == [[True, False], [True, False]]


def test_nothing_is_hit_where_all_relevant_items_are_cold() -> None:
    relevant = from_pairs(np.array([0]), np.array([9]), n_users=1, n_items=3)
    assert not hits(np.array([[0, 1, 2]]), np.array([0]), relevant).any()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n_items=st.integers(1, 12), k=st.integers(1, 15))
def test_metrics_stay_within_zero_and_one(seed: int, n_items: int, k: int) -> None:
    draw = np.random.default_rng(seed)
    lists = np.stack([draw.permutation(n_items) for _ in range(4)])[:, :k]
    pairs = draw.integers(0, [4, n_items + 2], size=(10, 2))
    relevant = from_pairs(pairs[:, 0], pairs[:, 1], 4, n_items)
    values = per_user(hits(lists, np.arange(4), relevant), relevant.n_relevant, range(1, k + 1))
    assert all(((value >= 0) & (value <= 1)).all() for value in values.values())


CUTOFFS = (1, 3, 5, 10, 20, 50)


@pytest.fixture(scope="module")
def ranx() -> Any:
    """The independent library; interpreted, because compiling it takes minutes."""
    from numba import config

    compiled, config.DISABLE_JIT = config.DISABLE_JIT, True
    yield importlib.import_module("ranx")
    config.DISABLE_JIT = compiled


def _case(seed: int) -> tuple[np.ndarray, dict[str, list[int]]]:
    """Lists of 25 of 40 items for 60 users and what they like; some of it is never listed."""
    draw = np.random.default_rng(seed)
    lists = np.stack([draw.permutation(40)[:25] for _ in range(60)])
    return lists, {str(user): draw.choice(45, draw.integers(1, 30), replace=False).tolist() for user in range(60)}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["precision", "recall", "f1", "hit_rate", "mrr", "map", "ndcg"])
def test_random_cases_agree_with_ranx(seed: int, name: str, ranx: Any) -> None:
    lists, liked = _case(seed)
    users = np.repeat(np.arange(60), [len(items) for items in liked.values()])
    relevant = from_pairs(users, np.concatenate(list(liked.values())), 60, 40)
    ours = per_user(hits(lists, np.arange(60), relevant), relevant.n_relevant, CUTOFFS)
    truth = ranx.Qrels({user: {str(item): 1 for item in items} for user, items in liked.items()})
    run = ranx.Run(
        {str(user): {str(item): 100.0 - rank for rank, item in enumerate(row)} for user, row in enumerate(lists)}
    )
    for cutoff in CUTOFFS:
        ranx.evaluate(truth, run, f"{name}@{cutoff}", return_mean=False)
        theirs = np.array([run.scores[f"{name}@{cutoff}"][str(user)] for user in range(60)])
        np.testing.assert_allclose(
            ours[f"{name}@{cutoff}"], _as_ours(name, theirs, relevant.n_relevant, cutoff), atol=1e-9
        )


def _as_ours(name: str, theirs: np.ndarray, n_relevant: np.ndarray, cutoff: int) -> np.ndarray:
    """ranx divides average precision by all relevant items, we by those that the cut-off allows."""
    return theirs * n_relevant / np.minimum(n_relevant, cutoff) if name == "map" else theirs


@pytest.mark.parametrize("seed", range(3))
def test_a_ranking_with_ties_empty_users_and_a_cutoff_beyond_the_catalogue_agrees_with_ranx(
    seed: int, ranx: Any
) -> None:
    draw = np.random.default_rng(seed)
    n_users, n_items, cutoffs = 30, 12, (1, 5, 12, 20)
    seen = from_edges(draw.integers(5, n_users, 90), draw.integers(0, n_items, 90), n_users, n_items)
    model = Levels(torch.from_numpy(draw.integers(0, 3, (n_users, n_items)).astype(np.float32)))
    pairs = draw.integers(0, [n_users, n_items + 3], size=(60, 2))
    relevant = from_pairs(pairs[:, 0], pairs[:, 1], n_users, n_items)
    ours = evaluate(model, seen, relevant, cutoffs, memory_mb=10)
    liked = {str(user): {str(item): 1 for item in pairs[pairs[:, 0] == user, 1]} for user in relevant.users}
    run = ranx.Run({user: ordered(model.table[int(user)].numpy(), seen, int(user)) for user in liked})
    wanted = relevant.n_relevant[relevant.users]
    for name in METRICS:
        for cutoff in cutoffs:
            ranx.evaluate(ranx.Qrels(liked), run, f"{name}@{cutoff}", return_mean=False)
            theirs = np.array([run.scores[f"{name}@{cutoff}"][user] for user in liked])
            assert ours[f"{name}@{cutoff}"] == pytest.approx(_as_ours(name, theirs, wanted, cutoff).mean(), abs=1e-9)


@dataclass
class Levels:
    """A model of few different scores."""

    table: torch.Tensor

    @property
    def n_users(self) -> int:
        return self.table.shape[0]

    @property
    def n_items(self) -> int:
        return self.table.shape[1]

    def scores(self, users: np.ndarray) -> torch.Tensor:
        return self.table[torch.from_numpy(users)]


def ordered(scores: np.ndarray, seen: Graph, user: int) -> dict[str, float]:
    """Unseen items by score, ties by index, as scores without ties; who has none gets an unknown one."""
    order = [item for item in np.lexsort((np.arange(len(scores)), -scores)) if not seen.binary[user, item]]
    return {str(item): float(-place) for place, item in enumerate(order)} or {"nothing": 0.0}
