"""Ids stay what they are, times become seconds as told, and what is neither is named with its place."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsmith.errors import UserError
from recsmith.sources.values import Place, ids, numbers, seconds, text

PLACE = Place("log.csv", "x", 2, "line")


def column(values: list[Any], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


@pytest.mark.parametrize(
    ("values", "due"),
    [
        (["007", "7", " 7", "1.0", ""], ["007", "7", " 7", "1.0", None]),
        ([7, None, 2**62], ["7", None, str(2**62)]),
        ([1.0, None, 3.0], ["1", None, "3"]),
        ([b"a", b"\xc3\xa9"], ["a", "é"]),
        (["NULL", "nan", "None"], ["NULL", "nan", "None"]),
        ([None, None], [None, None]),
    ],
)
def test_ids_are_kept_as_text(values: list[Any], due: list[str | None]) -> None:
    assert ids(column(values), PLACE).to_pylist() == due


@pytest.mark.parametrize("values", [[1.5, 2.0], [True, False], [[1], [2]], [2.0**60, 1.0]])
def test_what_cannot_be_an_id_is_refused(values: list[Any]) -> None:
    with pytest.raises(UserError, match=r"log\.csv"):
        ids(column(values), PLACE)


@pytest.mark.parametrize(
    ("values", "unit", "due"),
    [
        ([1_600_000_000, None], "s", [1_600_000_000, None]),
        (["1600000000", "1600000000.9", "", "NULL"], "s", [1_600_000_000, 1_600_000_000, None, None]),
        ([1_600_000_000_999], "ms", [1_600_000_000]),
        ([1_600_000_000_999_999], "us", [1_600_000_000]),
        ([1_600_000_000_999_999_999], "ns", [1_600_000_000]),
        ([-1], "ms", [-1]),
        (["1970-01-02", "1970-01-01 00:00:05.7", "1970-01-01T02:00:00+02:00", None], "iso", [86_400, 5, 0, None]),
        (["2019-10-01 00:00:00 UTC"], "iso", [1_569_888_000]),
        ([datetime(1970, 1, 1, 0, 1, tzinfo=UTC)], "s", [60]),
        ([date(1970, 1, 2)], "s", [86_400]),
        ([1_600_000_000_123], "s", [1_600_000_000_123]),
    ],
)
def test_times_become_utc_seconds_as_told(values: list[Any], unit: str, due: list[int | None]) -> None:
    assert seconds(column(values), unit, PLACE).to_pylist() == due


@pytest.mark.parametrize(
    ("values", "unit", "said"),
    [
        (["1", "2", "soon"], "s", "line 4: column 'x' holds 'soon'"),
        (["2020-01-01", "01/02/2020"], "iso", "line 3: column 'x' holds '01/02/2020'"),
        ([1, 2], "iso", "timestamp_unit"),
    ],
)
def test_what_is_no_time_is_named_with_its_line(values: list[Any], unit: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        seconds(column(values), unit, PLACE)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.date32(), 2**31 - 1),
        (pa.date32(), -(2**31)),
        (pa.date64(), 2**50 // 86_400_000 * 86_400_000),
        (pa.timestamp("s"), 2**62),
        (pa.timestamp("us"), -(2**63)),
        (pa.timestamp("ms", "Europe/Berlin"), 2**62),
    ],
)
def test_a_typed_time_beyond_the_calendar_is_named_with_its_line(kind: pa.DataType, value: int) -> None:
    times = pa.chunked_array([pa.array([0, value], kind)])
    with pytest.raises(UserError, match=r"line 3: column 'x' holds .*not a time of the years 1 to 9999"):
        seconds(times, "s", PLACE)


@pytest.mark.parametrize("kind", [pa.date32(), pa.list_(pa.date32())])
def test_a_weight_that_python_cannot_hold_is_named_all_the_same(kind: pa.DataType) -> None:
    value: Any = 2**31 - 1 if kind == pa.date32() else [2**31 - 1]
    with pytest.raises(UserError, match=r"line 2: column 'x' holds .*2147483647.*, which is not a number"):
        numbers(pa.chunked_array([pa.array([value], kind)]), PLACE)


def test_a_list_that_python_cannot_hold_is_kept_as_text() -> None:
    kept = text(pa.chunked_array([pa.array([[2**31 - 1], [0]], pa.list_(pa.date32()))])).to_pylist()
    assert "2147483647" in kept[0]
    assert kept[1] == "1970-01-01"


def test_the_first_and_the_last_nanosecond_are_rounded_down() -> None:
    ends = pa.chunked_array([pa.array([-(2**63), -1, 2**63 - 1], pa.timestamp("ns"))])
    assert seconds(ends, "s", PLACE).to_pylist() == [-9_223_372_037, -1, 9_223_372_036]


def test_words_for_nothing_are_null_weights_and_nan_too() -> None:
    assert numbers(column(["", "NULL", "nan", "1e1"]), PLACE).to_pylist() == [None, None, None, 10.0]
    assert numbers(column([float("nan"), 2.0]), PLACE).to_pylist() == [None, 2.0]


@pytest.mark.parametrize("value", ["five", "4,5", "inf"])
def test_text_where_a_weight_is_due_names_the_line_and_the_value(value: str) -> None:
    with pytest.raises(UserError, match=f"log.csv, line 1003: column 'x' holds .*{value[:3]}"):
        numbers(column(["1"] * 1001 + [value] + ["2"] * 500), PLACE)


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), min_size=1).filter(lambda t: t != "\\N"), min_size=1))
def test_any_text_survives_as_an_id(values: list[str]) -> None:
    assert ids(column(values), PLACE).to_pylist() == values


@given(st.lists(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)), min_size=1))
def test_iso_dates_give_the_second_they_name(values: list[datetime]) -> None:
    due = [int((value.replace(microsecond=0) - datetime(1970, 1, 1)).total_seconds()) for value in values]
    assert seconds(column([value.isoformat() for value in values]), "iso", PLACE).to_pylist() == due
