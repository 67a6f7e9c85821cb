from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from interaction_rows import interactions

from recsmith.config.validate import Checks, Validate
from recsmith.errors import UserError
from recsmith.files import write_json
from recsmith.tables.connect import engine, write_arrow
from recsmith.tables.schema import SCHEMA
from recsmith.validation.facts import unit_of
from recsmith.validation.findings import Finding, Report, stop_if_broken, text_table
from recsmith.validation.gate import inspect
from recsmith.validation.page import render

START = 1_500_000_000
GOOD = [(f"u{user}", f"i{n}", START + n, 1.0, "view", None) for user in range(4) for n in range(6)]
Judge = Callable[..., Report]


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    def _judge(rows: list, users: list | None = None, items: list | None = None, **params: Any) -> Report:
        write_arrow(interactions(rows), tmp_path / "interactions.parquet")
        return again(users, items, **params)

    def again(users: list | None = None, items: list | None = None, **params: Any) -> Report:
        for name, key, ids in (("users", "user_id", users), ("items", "item_id", items)):
            write_arrow(pa.table({key: pa.array(ids or [], pa.string())}), tmp_path / f"{name}.parquet")
        with engine(1) as backend:
            return inspect(backend, tmp_path, Validate(**params))

    _judge.again = again
    return _judge


def of(report: Report, name: str) -> Finding:
    return next(finding for finding in report.findings if finding.name == name)


def changed(n: int, **values: Any) -> list[tuple]:
    """GOOD with row ``n`` changed."""
    row = dict(zip(SCHEMA.names, GOOD[n], strict=False)) | values
    return [*GOOD[:n], tuple(row.values()), *GOOD[n + 1 :]]


def test_good_data_passes_every_check(judge: Judge) -> None:
    report = judge(GOOD, users=["u0"], items=["i0", "i1"], max_orphan_share=0.8)
    assert [finding.name for finding in report.findings if not finding.success] == []
    assert [finding.name for finding in report.findings] == list(Checks.model_fields)
    stop_if_broken(report)


def test_logs_without_timestamps_weights_and_side_tables_pass(judge: Judge) -> None:
    report = judge([(user, item, None, None, "view", None) for user, item, *_ in GOOD])
    assert [finding.name for finding in report.findings if not finding.success] == []
    assert of(report, "timestamp_range").observed == "no timestamps"


@pytest.mark.parametrize(
    ("check", "rows", "unexpected", "shows"),
    [
        ("no_null_ids", changed(3, user_id=None), 1, {"user_id": None, "item_id": "i3"}),
        ("no_null_ids", changed(3, item_id=None), 1, {"user_id": "u0", "item_id": None}),
        ("no_duplicates", [*GOOD, GOOD[5]], 2, {"user_id": "u0", "item_id": "i5"}),
        (
            "no_duplicates",
            [*GOOD, *[("u9", "i1", None, None, "view", None)] * 2],
            2,
            {"user_id": "u9", "timestamp": None},
        ),
        ("timestamp_range", changed(7, timestamp=5), 1, {"user_id": "u1", "timestamp": 5}),
        ("weight_range", changed(2, weight=float("inf")), 1, {"item_id": "i2", "weight": float("inf")}),
        ("weight_range", changed(2, weight=-3.0), 1, {"item_id": "i2", "weight": -3.0}),
    ],
)
def test_a_bad_row_is_counted_and_shown(judge: Judge, check: str, rows: list, unexpected: int, shows: dict) -> None:
    finding = of(judge(rows, weight_min=0.0), check)
    assert not finding.success
    assert (finding.unexpected, finding.total) == (unexpected, len(rows))
    assert shows.items() <= finding.rows[0].items()


def test_a_weight_that_is_not_a_number_is_found_though_it_looks_like_nothing(judge: Judge) -> None:
    finding = of(judge(changed(2, weight=float("nan"))), "weight_range")
    assert (finding.success, finding.unexpected) == (False, 1)
    assert "1 NaN or infinite" in finding.text
    assert str(finding.rows[0]["weight"]) == "nan"


def test_milliseconds_are_recognised_and_named(judge: Judge) -> None:
    report = judge([(*row[:2], row[2] * 1000, *row[3:]) for row in GOOD])
    assert of(report, "timestamp_range").unexpected == len(GOOD)
    with pytest.raises(UserError, match=r"These look like milliseconds; set ingest.files\[n\].timestamp_unit: ms"):
        stop_if_broken(report)


@pytest.mark.parametrize(("factor", "unit"), [(1, None), (10**3, "ms"), (10**6, "us"), (10**9, "ns")])
def test_every_unit_has_its_range(factor: int, unit: str | None) -> None:
    found = unit_of(float(START * factor))
    assert (found and found[0]) == unit


def test_seconds_out_of_range_are_not_taken_for_milliseconds(judge: Judge) -> None:
    finding = of(judge(GOOD, timestamp_min=START + 3), "timestamp_range")
    assert finding.unexpected == 12
    assert "validate.timestamp_min" in finding.advice


def test_too_little_data_names_the_keys(judge: Judge) -> None:
    with pytest.raises(UserError) as caught:
        stop_if_broken(judge(GOOD, min_users=5, min_items=7, min_interactions=25))
    lines = str(caught.value).splitlines()[1:]
    for name, line in zip(("users", "items", "interactions"), lines, strict=True):
        assert line.startswith(f"enough_{name}: found ")
        assert f"lower validate.min_{name}" in line


def test_short_histories_are_counted_by_user(judge: Judge) -> None:
    finding = of(judge([*GOOD, *[(f"s{n}", "i1", None, None, "view", None) for n in range(5)]]), "users_under_k")
    assert (finding.success, finding.severity, finding.unexpected, finding.total) == (False, "warning", 5, 9)
    assert finding.rows[0] == {"user_id": "s0", "interactions": 1}


@pytest.mark.parametrize(
    ("items", "unexpected", "fault"),
    [
        (["i0", "i1", "i2", "i3", "i4", "i5", *(f"x{n}" for n in range(9))], 9, "described, no interactions"),
        (["i0"], 5, "interactions, not described"),
    ],
)
def test_side_tables_that_do_not_fit_are_found(judge: Judge, items: list, unexpected: int, fault: str) -> None:
    finding = of(judge(GOOD, items=items), "orphan_features")
    assert (finding.success, finding.unexpected) == (False, unexpected)
    assert {row["fault"] for row in finding.rows} == {fault}


@pytest.mark.parametrize(("severity", "stops"), [("critical", True), ("warning", False)])
def test_parameters_say_what_stops_the_line(judge: Judge, severity: str, stops: bool) -> None:
    report = judge([*GOOD, GOOD[0]], checks={"no_duplicates": severity})
    assert not of(report, "no_duplicates").success
    assert bool(report.broken) == stops
    assert report.as_json()["success"] != stops


def test_a_check_that_is_off_is_not_run(judge: Judge) -> None:
    report = judge([*GOOD, GOOD[0]], checks={"no_duplicates": "off"})
    assert "no_duplicates" not in [check["name"] for check in report.as_json()["checks"]]


def test_rows_shown_are_limited(judge: Judge) -> None:
    report = judge([*GOOD, *GOOD], rows_shown=3)
    finding = of(report, "no_duplicates")
    assert (len(finding.rows), finding.unexpected) == (3, 48)


@pytest.mark.parametrize(
    ("change", "shows"),
    [
        (lambda table: table.drop_columns("weight"), ("weight", "missing", "double")),
        (
            lambda table: table.set_column(2, "timestamp", table["timestamp"].cast(pa.string())),
            ("timestamp", "string", "int64"),
        ),
        (lambda table: table.append_column("more", table["weight"]), ("more", "double", "not expected")),
    ],
)
def test_a_wrong_schema_stops_all_other_checks(judge: Any, tmp_path: Path, change: Any, shows: tuple) -> None:
    judge(GOOD)
    path = tmp_path / "interactions.parquet"
    write_arrow(change(pq.read_table(path)), path)
    report = judge.again()
    finding = of(report, "schema_and_types")
    assert [tuple(row.values()) for row in finding.rows] == [shows]
    assert all(other.error and not other.success for other in report.findings if other is not finding)
    with pytest.raises(UserError, match="enough_users: could not be judged: not run"):
        stop_if_broken(report)


def test_report_and_page_are_the_same_twice_and_open_without_a_network(judge: Judge, tmp_path: Path) -> None:
    rows = [*changed(1, user_id="<script>alert(1)</script>", weight=float("inf"), item_id=None), GOOD[4]]
    pages = [render(judge(rows)) for _ in range(2)]
    assert pages[0] == pages[1]
    assert "http" not in pages[0]
    assert "<script" not in pages[0]
    assert "2 critical" in " ".join(pages[0].split())
    for name in ("a", "b"):
        write_json(tmp_path / name, judge(rows).as_json())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert set(json.loads((tmp_path / "a").read_text())) == {"checks", "counts", "success"}


def test_rows_are_shown_in_columns() -> None:
    assert text_table(()) == ""
    assert text_table(({"user": None, "item": "i"}, {"user": "long name", "item": "x" * 50})).splitlines() == [
        "user       item",
        "null       i",
        "long name  " + "x" * 37 + "...",
    ]


@pytest.mark.parametrize("rows", [1, 2, 5, 1000])
def test_a_log_judged_in_parts_is_judged_as_a_whole(judge: Judge, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    log = sorted([*GOOD, GOOD[4], GOOD[4], GOOD[9]])
    log = [(*row[:3], -1.0 if n in (3, 20) else 1.0, *row[4:]) for n, row in enumerate(log)]
    log += [(None, "i1", START, 1.0, "view", None)] * 2
    whole = judge(log, weight_min=0.0).as_json()
    monkeypatch.setattr("recsmith.validation.gate.ROWS", rows)
    assert judge(log, weight_min=0.0).as_json() == whole
