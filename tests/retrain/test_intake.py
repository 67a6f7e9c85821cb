"""The watched folder and the query: what is taken, what is kept aside with a reason, what waits."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from events_of import DAY, START, Event, events, rows, write_csv

from recsmith.config.base import parse
from recsmith.config.ingest import Ingest
from recsmith.config.retrain import Query, Retrain
from recsmith.config.validate import Validate
from recsmith.errors import UserError
from recsmith.retrain import batch as batches
from recsmith.retrain import intake
from recsmith.retrain import log as event_log
from recsmith.retrain.intake import Intake, take
from recsmith.sources.contract import Tables
from recsmith.sources.registry import FORMATS

NOW = START + 100 * DAY
QUERY = "SELECT user AS user_id, item AS item_id, at AS timestamp, 1.0 AS weight, 'view' AS event, id FROM log"


def taken(root: Path, **settings: Any) -> Intake:
    section = {"inbox": {"path": "inbox", "settle_seconds": 0}, **settings}
    return take(root / "events", root, parse(section, Retrain, "retrain"), Validate(), lambda text: None, now=NOW)


def names(folder: Path) -> list[str]:
    return sorted(path.name.partition("-")[2] for path in folder.iterdir())


def test_a_file_is_taken_and_moved_and_its_content_is_known_from_then_on(tmp_path: Path) -> None:
    write_csv(tmp_path / "inbox/a.csv", events(5))
    assert [batch.new for batch in taken(tmp_path).taken] == [5]
    assert names(tmp_path / "inbox/taken") == ["a.csv"]
    write_csv(tmp_path / "inbox/b.csv", events(5))
    again = taken(tmp_path)
    assert (again.known, again.taken) == (["b.csv"], [])
    assert names(tmp_path / "inbox/taken") == ["a.csv", "b.csv"]


def test_formats_are_found_out_file_by_file(tmp_path: Path) -> None:
    write_csv(tmp_path / "inbox/a.csv", events(3))
    line = '{"user_id": "x", "item_id": "y", "timestamp": %d, "event": "view"}\n'
    (tmp_path / "inbox/b.jsonl").write_text(line % (START + 1), encoding="utf-8")
    assert [batch.new for batch in taken(tmp_path).taken] == [3, 1]


@pytest.mark.parametrize(
    ("rows_given", "reason"),
    [
        ([*events(5), ("u", "i", 99, 1.0, "view")], "1 times are outside 1980-01-01"),
        ([("u", "i", NOW + 3 * DAY, 1.0, "view")], "times are outside"),
        ([*events(5), (None, "i", START, 1.0, "view")], "1 of 6 rows are incomplete (1 without user_id)"),
        ([("u", "i", START, float("inf"), "view")], "which is not a finite number"),
        ([("u", "i", START, 1.0, "viewed")], "Unknown events: 'viewed'. Known: view"),
        ([("u", " ", START, 1.0, "view")], "1 rows have an empty item_id"),
        (events(2000), "2,000 rows, where the last batches had 5 (median)"),
    ],
)
def test_a_bad_batch_is_kept_aside_with_the_reason_and_the_good_ones_are_taken(
    tmp_path: Path, rows_given: list[Any], reason: str
) -> None:
    for number in range(3):
        write_csv(tmp_path / f"inbox/{number}.csv", events(5, START + 1000 * number))
    write_csv(tmp_path / "inbox/bad.csv", rows_given)
    write_csv(tmp_path / "inbox/good.csv", events(4, START + 9000))
    found = taken(tmp_path)
    assert reason in found.rejected["bad.csv"]
    assert len(found.taken) == 4
    assert names(tmp_path / "inbox/rejected") == ["bad.csv", "bad.csv.reason.txt"]
    kept = next((tmp_path / "inbox/rejected").glob("*.reason.txt")).read_text(encoding="utf-8")
    assert kept == found.rejected["bad.csv"] + "\n"
    assert len(rows(tmp_path / "events")) == 19


def test_what_cannot_be_read_at_all_is_rejected_with_the_readers_words(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox/a.csv").write_text("customer,product\n1,2\n", encoding="utf-8")
    (tmp_path / "inbox/b.parquet").write_bytes(b"PAR1 and nothing more")
    found = taken(tmp_path)
    assert "user_id" in found.rejected["a.csv"]
    assert "cannot be read as Parquet" in found.rejected["b.parquet"]
    assert not (tmp_path / "events/log.json").exists()


TIME_OF_NOBODY = pa.table({"user_id": ["a"], "item_id": ["b"], "timestamp": pa.array([2**31 - 1], pa.date32())})


@pytest.mark.parametrize("time", ["1e300", "9223372036854775808", "[]"])
def test_values_that_nobody_thought_of_cost_their_file_and_not_the_night(tmp_path: Path, time: str) -> None:
    (tmp_path / "inbox").mkdir()
    line = f'{{"user_id": "a", "item_id": "b", "timestamp": {time}}}\n'
    (tmp_path / "inbox/a.jsonl").write_text(line, encoding="utf-8")
    pq.write_table(TIME_OF_NOBODY, tmp_path / "inbox/b.parquet")
    write_csv(tmp_path / "inbox/c.csv", events(3))
    found = taken(tmp_path)
    assert [batch.name for batch in found.taken] == ["c.csv"]
    assert list(found.rejected) == ["a.jsonl", "b.parquet"]
    assert "'timestamp' holds '<value out of range: 2147483647>'" in found.rejected["b.parquet"]


def test_a_reader_that_fails_costs_its_file_and_not_the_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(params: Ingest, root: Path) -> Tables:
        raise OverflowError("too large")

    monkeypatch.setitem(FORMATS, "parquet", failing)
    (tmp_path / "inbox").mkdir()
    pq.write_table(TIME_OF_NOBODY, tmp_path / "inbox/a.parquet")
    write_csv(tmp_path / "inbox/b.csv", events(3))
    found = taken(tmp_path)
    assert [batch.name for batch in found.taken] == ["b.csv"]
    assert found.rejected["a.parquet"] == "it holds what cannot be read: too large (OverflowError)."


def test_incomplete_rows_may_be_left_out_and_are_counted(tmp_path: Path) -> None:
    write_csv(tmp_path / "inbox/a.csv", [*events(9), (None, "i", START, 1.0, "view")])
    (batch,) = taken(tmp_path, door={"max_null_share": 0.1}).taken
    assert (batch.rows, batch.new, batch.left_out) == (10, 9, 1)


def test_a_folder_in_the_inbox_is_told_and_stays(tmp_path: Path) -> None:
    write_csv(tmp_path / "inbox/week/a.csv", events(3))
    write_csv(tmp_path / "inbox/b.csv", events(3))
    found = taken(tmp_path)
    assert found.rejected == {"week": "it cannot be read (Is a directory) and stays where it is."}
    assert [batch.name for batch in found.taken] == ["b.csv"]
    assert (tmp_path / "inbox/week/a.csv").exists()
    assert taken(tmp_path).taken == []


def test_a_file_that_is_still_being_written_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    young = write_csv(tmp_path / "inbox/young.csv", events(3))
    os.utime(young, (NOW - 2, NOW - 2))
    write_csv(tmp_path / "inbox/copying.csv.part", events(3))
    found = taken(tmp_path, inbox={"path": "inbox", "settle_seconds": 5})
    assert (sorted(found.waiting), found.taken) == (["copying.csv.part", "young.csv"], [])
    monkeypatch.setattr(batches, "_read", lambda *given: _rewritten(young))
    assert taken(tmp_path).waiting == ["copying.csv.part", "young.csv"]
    monkeypatch.undo()
    assert [batch.name for batch in taken(tmp_path).taken] == ["young.csv"]


def test_a_file_that_is_replaced_after_it_was_read_stays_for_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, append = write_csv(tmp_path / "inbox/a.csv", events(3)), event_log.append

    def slow(*given: Any, **more: Any) -> Any:
        log = append(*given, **more)
        write_csv(path, events(2, START + DAY))
        return log

    monkeypatch.setattr(event_log, "append", slow)
    assert taken(tmp_path).waiting == ["a.csv"]
    monkeypatch.undo()
    assert [batch.new for batch in taken(tmp_path).taken] == [2]
    assert len(rows(tmp_path / "events")) == 5
    assert names(tmp_path / "inbox/taken") == ["a.csv"]


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, hashed = write_csv(tmp_path / "inbox/a.csv", events(3)), intake.file_hash
    write_csv(tmp_path / "inbox/b.csv", events(2, START + DAY))

    def refused(path: Path) -> str:
        if path == locked:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return hashed(path)

    monkeypatch.setattr(intake, "file_hash", refused)
    found = taken(tmp_path)
    assert found.rejected == {"a.csv": "it cannot be read (Permission denied) and stays where it is."}
    assert [batch.name for batch in found.taken] == ["b.csv"]
    assert locked.exists()


def _rewritten(path: Path) -> Any:
    """Reading takes a while, and somebody replaces the file meanwhile: what was read may be of both."""
    write_csv(path, events(6))
    raise UserError("the columns are of two files")


@pytest.fixture
def database(tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, user TEXT, item TEXT, at INTEGER)")
    return connection


def insert(database: sqlite3.Connection, given: list[Event]) -> None:
    database.executemany("INSERT INTO log (user, item, at) VALUES (?, ?, ?)", [event[:3] for event in given])
    database.commit()


def test_a_query_is_asked_for_what_is_above_its_mark_and_late_rows_are_within_the_overlap(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    sql = {"path": "shop.db", "query": QUERY, "overlap_seconds": 3600}
    insert(database, events(10))
    assert taken(tmp_path, sql=sql).log.marks == {"sql": START + 540}
    assert taken(tmp_path, sql=sql).taken == []
    late = [("late", "i", START, 1.0, "view")]
    insert(database, [*late, *events(4, START + 600)])
    (batch,) = taken(tmp_path, sql=sql).taken
    assert (batch.new, batch.late, batch.doubled) == (5, 1, 10)
    assert len(rows(tmp_path / "events")) == len(set(rows(tmp_path / "events"))) == 15


def test_a_number_in_order_of_arrival_is_a_mark_without_an_overlap(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    sql = {"path": "shop.db", "query": QUERY, "mark": "id"}
    insert(database, events(10))
    assert taken(tmp_path, sql=sql).log.marks == {"sql": 10}
    insert(database, [("late", "i", START - 50 * DAY, 1.0, "view")])
    (batch,) = taken(tmp_path, sql=sql).taken
    assert (batch.rows, batch.new, batch.late) == (1, 1, 1)


def test_a_rejected_query_moves_no_mark_and_leaves_its_rows_aside(tmp_path: Path, database: sqlite3.Connection) -> None:
    insert(database, [("u", "i", 5, 1.0, "view")])
    found = taken(tmp_path, sql={"path": "shop.db", "query": QUERY})
    assert (list(found.rejected), found.log.marks) == (["sql"], {})
    assert sorted(path.suffix for path in (tmp_path / "inbox/rejected").iterdir()) == [".parquet", ".txt"]


def test_a_wrong_query_names_the_key(tmp_path: Path, database: sqlite3.Connection) -> None:
    insert(database, events(2))
    with pytest.raises(UserError, match=r"retrain.sql.mark = 'number' is no column of the query"):
        taken(tmp_path, sql={"path": "shop.db", "query": QUERY, "mark": "number"})
    with pytest.raises(UserError, match=r"retrain.sql.path is due"):
        taken(tmp_path, sql={"query": QUERY})
    with pytest.raises(UserError, match="needs numbers"):
        parse({"query": QUERY, "timestamp_unit": "iso"}, Query, "retrain.sql")
