"""Importance of knobs on planted trials, where what decides the metric is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recsmith.errors import UserError
from recsmith.search.importance import FEWEST, importance


def planted(trials: int, seed: int = 0) -> tuple[list[dict[str, Any]], list[float]]:
    """The family decides most, the learning rate of networks some, nothing else anything."""
    generator = np.random.default_rng(seed)
    rows, values = [], []
    for _ in range(trials):
        noise = float(0.002 * generator.standard_normal())
        if generator.random() < 0.5:
            rate = float(generator.choice([0.001, 0.01, 0.1]))
            rows.append({"family": "gnn", "learning_rate": rate, "dropout": float(generator.choice([0.0, 0.2]))})
            values.append(0.15 + {0.001: 0.0, 0.01: 0.03, 0.1: -0.02}[rate] + noise)
        else:
            rows.append({"family": "filter", "kind": str(generator.choice(["linear", "ridge"])), "recency": 0.0})
            values.append(0.1 + noise)
    return rows, values


def test_what_decides_comes_first_in_its_order_and_what_does_not_gets_next_to_nothing() -> None:
    found = importance(*planted(60))
    assert list(found)[:2] == ["family", "learning_rate"]
    assert found["learning_rate"] > 0.1
    assert found["dropout"] + found["kind"] < 0.05
    assert sum(found.values()) == pytest.approx(1)


def test_a_knob_that_takes_one_value_is_left_out() -> None:
    assert set(importance(*planted(30))) == {"family", "learning_rate", "dropout", "kind"}
    assert importance([{"recency": 0.0}] * FEWEST, list(range(FEWEST))) == {}


def test_equal_trials_give_equal_shares() -> None:
    assert importance(*planted(12), seed=3) == importance(*planted(12), seed=3)


def test_where_the_metric_never_changes_nothing_is_important() -> None:
    rows, _ = planted(12)
    assert set(importance(rows, [0.1] * 12).values()) == {0.0}


def test_too_few_trials_are_refused_with_the_number_and_the_key() -> None:
    with pytest.raises(UserError, match=r"10 finished trials at least, and there are 9.*search\.trials"):
        importance(*planted(FEWEST - 1))
