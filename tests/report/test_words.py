"""Sentences for wins, ties and losses; numbers as people read them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import BASES, GNN, make_inputs

from recsmith.report import labels, numbers, words
from recsmith.report.inputs import Inputs


def duel(difference: float, low: float, high: float) -> Inputs:
    inputs = make_inputs(bases={**BASES, "ease": 0.2})
    inputs.metrics["paired"]["full"]["ease"]["ndcg@20"] = {"difference": difference, "interval": [low, high], "p": 0.04}
    return inputs


@pytest.mark.parametrize(
    ("paired", "start"),
    [
        ((0.01, 0.002, 0.018), "It beats EASE"),
        ((0.01, -0.002, 0.022), "It cannot be told apart from EASE"),
        ((-0.01, -0.018, -0.002), "The search found a linear item filter. It falls short of EASE"),
        ((0.0, 0.0, 0.0), "It does exactly as well as EASE"),
    ],
)
def test_the_verdict_follows_the_interval(paired: tuple[float, float, float], start: str) -> None:
    assert words.against(duel(*paired)).startswith(start)


def test_a_winner_that_loses_to_a_baseline_is_not_headlined() -> None:
    assert words.headline(duel(-0.01, -0.018, -0.002)).startswith("On MovieLens latest-small, EASE does better")
    assert words.headline(duel(0.01, 0.002, 0.018)) == "A linear item filter wins on MovieLens latest-small."


def test_a_winner_behind_a_baseline_by_chance_alone_is_level_with_it() -> None:
    assert (
        words.headline(duel(-0.01, -0.02, 0.002))
        == "A linear item filter and EASE are level on MovieLens latest-small."
    )
    assert words.headline(duel(0.01, -0.002, 0.02)) == "A linear item filter wins on MovieLens latest-small."


def test_a_baseline_that_won_the_search_is_called_by_its_name() -> None:
    inputs = duel(0.0, 0.0, 0.0)
    twin = replace(inputs, best={**inputs.best, "source": "baseline", "record": {"name": "ease"}})
    assert words.against(twin).startswith("The search found nothing better on validation data than EASE")
    assert "No trial was better" in words.won(twin)
    assert "No trial was better" not in words.won(inputs)


def test_the_strongest_baseline_is_the_one_that_is_hardest_to_beat() -> None:
    assert make_inputs().strongest == "ease"
    assert make_inputs(bases={"full": 0.1, "bundle": 0.1}).strongest is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"family": "filter", "kind": "ridge"}, "a ridge item filter (EASE)"),
        ({"family": "filter", "kind": "ridge", "recency": 0.5}, "a ridge item filter (EASE) on fading histories"),
        ({"family": "filter", "kind": "mixture"}, "a mixture of item filters"),
        ({**GNN, "operators": ["lightgcn"]}, "a one-layer LightGCN network"),
        ({**GNN, "operators": ["gat", "gcn", "gat"]}, "a three-layer GAT + GCN network"),
        ({**GNN, "operators": []}, "matrix factorisation"),
        ({}, "matrix factorisation"),
    ],
)
def test_every_architecture_has_a_name(value: dict[str, object], text: str) -> None:
    assert labels.architecture(value) == text


def test_the_best_that_anyone_could_reach_is_told_where_the_truth_is_known() -> None:
    inputs = make_inputs()
    assert words.oracle(inputs) is None
    inputs.metrics["oracle"] = {"ndcg@20": 2 * inputs.models["full"]["test"]["ndcg@20"]}
    assert "50.0\u00a0%" in (words.oracle(inputs) or "")


def test_a_leak_is_said() -> None:
    assert "found leaks: shared pairs" in words.leaks(make_inputs(audit={"proofs": {"shared_pairs": 2}}))


def test_data_without_timestamps_claims_nothing_about_the_future() -> None:
    assert "lies after" not in words.leaks(make_inputs(audit={"proofs": {"shared_pairs_train_test": 0}}))
    assert "lies after what that user" in words.leaks(make_inputs())
    whole = {"method": "global_temporal", "proofs": {"future_rows_train_test": 0}}
    assert "at which the test begins" in words.leaks(make_inputs(audit=whole))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (12_400_000, "12.4 MB"), (3.2e12, "3200 GB"), (None, "–")],
)
def test_bytes_are_told_in_a_unit_that_suits(value: float | None, text: str) -> None:
    assert numbers.size(value).replace("\u00a0", " ") == text


@pytest.mark.parametrize(("value", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 1 s"), (None, "–")])
def test_durations_are_told_in_seconds_then_minutes(value: float | None, text: str) -> None:
    assert numbers.seconds(value).replace("\u00a0", " ") == text


def test_a_negative_number_has_a_true_minus() -> None:
    assert numbers.signed(-0.5, 1) == "−0.5"
    assert numbers.signed_percent(-0.042).replace("\u00a0", " ") == "−4.2 %"


def test_p_values_are_never_zero() -> None:
    assert (numbers.p_value(0.0004), numbers.p_value(0.012)) == ("< 0.001", "0.012")
