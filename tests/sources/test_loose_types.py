"""JSON lines, Parquet and SQLite hold values of any type; each becomes what it means or is refused."""

from __future__ import annotations

import gzip
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_files import SQL, lines, read_files, sqlite

from recsmith.config.ingest import Ingest
from recsmith.errors import UserError
from recsmith.sources import jsonl
from recsmith.sources.look import look


def test_json_ids_of_mixed_types_and_missing_keys_are_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "BATCH", 2)
    rows = [
        {"user_id": 1, "item_id": "1", "weight": 1},
        {"user_id": 2.0, "item_id": 2},
        {"user_id": None, "item_id": "x", "weight": 2.5, "timestamp": 7},
    ]
    lines(tmp_path / "log.jsonl", *map(json.dumps, rows))
    found = read_files(tmp_path, path="log.jsonl", format="jsonl").interactions
    assert found["user_id"].to_pylist() == ["1", "2", None]
    assert found["item_id"].to_pylist() == ["1", "2", "x"]
    assert found["weight"].to_pylist() == [1.0, None, 2.5]
    assert found["timestamp"].to_pylist() == [None, None, 7]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"user_id": 1, "item_id": 2}\n{"user_id": 1,', "line 2 is not JSON"),
        ('[{"user_id": 1}]', "one JSON object a line"),
        ('{"user_id": 1, "thing": 2}', "'item_id'.*is missing.*'thing'"),
        ('{"user_id": [1], "item_id": 2}', "cannot be an id"),
        (
            '{"user_id": 1, "item_id": 2, "timestamp": 1e300}',
            "record 1: column 'timestamp' holds 1e.300, .* not a time",
        ),
        ('{"user_id": 1, "item_id": 2, "timestamp": []}', "'timestamp' holds .*, which is not a time"),
        ("\n", "is missing|holds no rows"),
    ],
)
def test_what_is_no_json_line_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "log.jsonl").write_text(text)
    with pytest.raises(UserError, match=said):
        read_files(tmp_path, path="log.jsonl", format="jsonl")


def test_a_cut_off_gzip_is_named(tmp_path: Path) -> None:
    whole = gzip.compress(b'{"user_id": 1, "item_id": 2}\n' * 1000)
    (tmp_path / "log.jsonl.gz").write_bytes(whole[:-20])
    with pytest.raises(UserError, match="cut off or damaged"):
        read_files(tmp_path, path="log.jsonl.gz", format="jsonl")


RECORD = st.fixed_dictionaries({"user_id": st.text(min_size=1), "item_id": st.integers() | st.text(min_size=1)})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(RECORD, min_size=1, max_size=10))
def test_json_ids_survive_whatever_they_are(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    rows = [row for row in rows if "\\N" not in row.values()] or [{"user_id": "a", "item_id": 1}]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = read_files(tmp_path, path="log.jsonl", format="jsonl").interactions
    assert found["user_id"].to_pylist() == [row["user_id"] for row in rows]
    assert found["item_id"].to_pylist() == [str(row["item_id"]) for row in rows]


def test_parquet_types_are_taken_as_they_are_and_parts_in_order(tmp_path: Path) -> None:
    when = datetime(2020, 1, 1, tzinfo=UTC)
    (tmp_path / "log").mkdir()
    for number in (1, 2):
        table = pa.table(
            {
                "user_id": pa.array(["a", "b"]).dictionary_encode(),
                "item_id": pa.array([float(number), None]),
                "timestamp": pa.array([when, None], pa.timestamp("ns", "Europe/Berlin")),
            }
        )
        pyarrow.parquet.write_table(table, tmp_path / "log" / f"part-{number}.parquet")
    found = read_files(tmp_path, path="log", format="parquet").interactions
    assert found["item_id"].to_pylist() == ["1", None, "2", None]
    assert found["timestamp"].to_pylist() == [int(when.timestamp()), None] * 2


def test_a_date_in_parquet_that_no_calendar_has_is_named_with_file_and_column(tmp_path: Path) -> None:
    when = pa.array([19_000, 2**31 - 1], pa.date32())
    pyarrow.parquet.write_table(
        pa.table({"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": when}), tmp_path / "log.parquet"
    )
    with pytest.raises(UserError, match=r"log\.parquet, row 2: column 'timestamp' holds .*2147483647.*correct it"):
        read_files(tmp_path, path="log.parquet", format="parquet")
    assert "2147483647" in str(look(tmp_path / "log.parquet").column("timestamp")[1])


def test_text_under_the_name_of_parquet_is_refused(tmp_path: Path) -> None:
    lines(tmp_path / "log.parquet", "user_id,item_id", "1,2")
    with pytest.raises(UserError, match="cannot be read as Parquet"):
        read_files(tmp_path, path="log.parquet", format="parquet")


def read_sql(root: Path, query: str = SQL, **sql: Any) -> Any:
    return read_files(root, source="sql", path="log.db", sql={"query": query, **sql})


def test_sqlite_values_are_taken_by_what_they_are_not_by_the_declared_type(tmp_path: Path) -> None:
    connection = sqlite3.connect(sqlite(tmp_path / "log.db"))
    connection.execute("INSERT INTO log VALUES (9, 5, '1600000000', NULL)")
    connection.execute("CREATE TABLE goods (id INTEGER, label TEXT, price REAL)")
    connection.execute("INSERT INTO goods VALUES (5, 'Tea', 2.5)")
    connection.commit()
    connection.close()
    found = read_sql(tmp_path, items_query="SELECT id AS item_id, label || '!' AS title, price FROM goods")
    assert found.interactions["user_id"].to_pylist() == ["007", "007", "8", None, "9"]
    assert found.interactions["timestamp"].to_pylist()[-1] == 1_600_000_000
    assert found.items.to_pylist() == [{"item_id": "5", "title": "Tea!", "price": "2.5"}]


def test_dates_in_a_database_are_read_as_told(tmp_path: Path) -> None:
    sqlite(tmp_path / "log.db")
    found = read_sql(tmp_path, "SELECT 1 AS user_id, 2 AS item_id, '1970-01-02' AS timestamp", timestamp_unit="iso")
    assert found.interactions["timestamp"].to_pylist() == [86_400]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT nought FROM log", "interactions query fails: no such column"),
        ("SELECT who AS user_id FROM log", "'item_id'.*is missing"),
        ("SELECT who AS user_id, what AS item_id FROM log WHERE 0", "no rows"),
        ("DELETE FROM log", "a SELECT is due"),
    ],
)
def test_a_query_that_gives_no_interactions_is_refused(tmp_path: Path, query: str, said: str) -> None:
    sqlite(tmp_path / "log.db")
    with pytest.raises(UserError, match=said):
        read_sql(tmp_path, query)


def test_a_query_changes_nothing(tmp_path: Path) -> None:
    sqlite(tmp_path / "log.db")
    with pytest.raises(UserError):
        read_sql(tmp_path, "DELETE FROM log")
    assert read_sql(tmp_path).interactions.num_rows == 4


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    lines(tmp_path / "log.db", "user_id,item_id")
    with pytest.raises(UserError, match="not an SQLite database"):
        read_sql(tmp_path)


@pytest.mark.parametrize(
    "section",
    [
        {"source": "sql"},
        {"source": "sql", "sql": {"query": "SELECT 1"}},
        {"source": "sql", "path": "x.db", "sql": {"query": "SELECT 1", "backend": "postgres"}},
        {"source": "files"},
        {"source": "ml-latest-small", "path": "mine.csv"},
        {"source": "demo", "files": [{"file": "a.csv"}]},
    ],
)
def test_sections_that_contradict_themselves_are_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="source"):
        Ingest.model_validate(section)
