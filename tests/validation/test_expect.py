from __future__ import annotations

import pandas as pd
from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween

from recsmith.validation.expect import judge


def between(column: str) -> ExpectColumnValuesToBeBetween:
    return ExpectColumnValuesToBeBetween(column=column, min_value=0, max_value=9)


def test_outcomes_come_in_the_order_of_the_expectations() -> None:
    frame = pd.DataFrame({"a": [1, 20], "b": [1, 2]})
    outcomes = judge(frame, [between("a"), between("b"), between("a")], 5)
    assert [outcome.success for outcome in outcomes] == [False, True, False]
    assert outcomes[0].rows == ({"a": 20, "b": 2},)


def test_an_expectation_that_errs_is_reported_apart_and_fails() -> None:
    (outcome,) = judge(pd.DataFrame({"a": [1]}), [between("nowhere")], 5)
    assert not outcome.success
    assert outcome.error is not None
    assert "nowhere" in outcome.error


def test_integers_beside_nulls_keep_their_last_digit() -> None:
    frame = pd.DataFrame({"a": pd.array([2**60 + 1, None], dtype="Int64")})
    (outcome,) = judge(frame, [between("a")], 5)
    assert outcome.rows == ({"a": 2**60 + 1},)
