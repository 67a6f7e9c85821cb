"""A batch that turned out bad leaves the log whole, is kept aside, and does not come back unasked."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from events_of import DAY, START, events, rows, write_csv
from test_intake import QUERY, insert, names, taken

from recsmith.__main__ import main
from recsmith.errors import UserError
from recsmith.files import read_json
from recsmith.retrain import log as event_log
from recsmith.retrain.withdrawal import offer, settle, withdraw

WHY = "the data cannot be trusted."


def three(root: Path) -> None:
    """A log of three batches: a.csv, b.csv, c.csv."""
    for number, name in enumerate("abc"):
        write_csv(root / f"inbox/{name}.csv", events(5, START + number * DAY))
        taken(root)


def test_a_withdrawn_batch_takes_its_events_along_and_is_kept_with_the_reason(tmp_path: Path) -> None:
    three(tmp_path)
    before = rows(tmp_path / "events")
    log, batch = withdraw(tmp_path / "events", tmp_path / "inbox", "b.csv", WHY)
    assert (batch.name, log) == ("b.csv", event_log.read_log(tmp_path / "events"))
    assert rows(tmp_path / "events") == before[:5] + before[10:]
    assert len(list((tmp_path / "events/parts").iterdir())) == 2
    assert names(tmp_path / "inbox/taken") == ["a.csv", "c.csv"]
    assert names(tmp_path / "inbox/rejected") == ["b.csv", "b.csv.reason.txt"]
    assert next((tmp_path / "inbox/rejected").glob("*.txt")).read_text(encoding="utf-8") == WHY + "\n"


def test_it_is_not_taken_again_before_it_is_offered(tmp_path: Path) -> None:
    three(tmp_path)
    before = rows(tmp_path / "events")
    withdraw(tmp_path / "events", tmp_path / "inbox", "c.csv", WHY)
    write_csv(tmp_path / "inbox/again.csv", events(5, START + 2 * DAY))
    found = taken(tmp_path)
    assert found.rejected["again.csv"].startswith(f"It was withdrawn before: {WHY} `recsmith events offer ")
    assert offer(tmp_path / "events", tmp_path / "inbox", "c.csv").reason == WHY
    assert names(tmp_path / "inbox/rejected") == ["again.csv", "again.csv.reason.txt"]
    assert [batch.name for batch in taken(tmp_path).taken] == ["c.csv"]
    assert rows(tmp_path / "events") == before


def test_what_is_offered_while_a_new_file_has_its_name_is_taken_beside_it(tmp_path: Path) -> None:
    three(tmp_path)
    withdraw(tmp_path / "events", tmp_path / "inbox", "c.csv", WHY)
    write_csv(tmp_path / "inbox/c.csv", events(5, START + 3 * DAY))
    gone = offer(tmp_path / "events", tmp_path / "inbox", "c.csv")
    assert sorted(batch.name for batch in taken(tmp_path).taken) == sorted(["c.csv", f"{gone.batch[:12]}-c.csv"])
    assert len(rows(tmp_path / "events")) == 20


def test_a_new_part_never_takes_the_number_of_one_that_still_counts(tmp_path: Path) -> None:
    three(tmp_path)
    withdraw(tmp_path / "events", tmp_path / "inbox", "a.csv", WHY)
    write_csv(tmp_path / "inbox/d.csv", events(5, START + 3 * DAY))
    taken(tmp_path)
    log, _ = withdraw(tmp_path / "events", tmp_path / "inbox", "c.csv", WHY)
    assert [batch.name for batch in log.batches] == ["b.csv", "d.csv"]
    assert rows(tmp_path / "events") == rows_of(1) + rows_of(3)


def rows_of(day: int) -> list[tuple[object, ...]]:
    return [tuple(event) for event in sorted(events(5, START + day * DAY))]


def test_a_kill_after_the_log_changed_leaves_a_file_that_the_next_run_moves(tmp_path: Path) -> None:
    three(tmp_path)
    log, batch = withdraw(tmp_path / "events", tmp_path / "inbox", "b.csv", WHY)
    kept = next(path for path in (tmp_path / "inbox/rejected").iterdir() if path.suffix == ".csv")
    kept.rename(tmp_path / "inbox/taken" / kept.name)
    settle(tmp_path / "inbox", log)
    assert kept.is_file()
    assert batch.batch.startswith(kept.name[:12])


def test_a_withdrawn_query_has_its_mark_of_before_and_its_rows_aside(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "shop.db")
    database.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, user TEXT, item TEXT, at INTEGER)")
    sql = {"path": "shop.db", "query": QUERY, "mark": "id"}
    insert(database, events(10))
    taken(tmp_path, sql=sql)
    insert(database, events(4, START + DAY))
    (second,) = taken(tmp_path, sql=sql).taken
    log, _ = withdraw(tmp_path / "events", tmp_path / "inbox", second.batch[:12], WHY)
    assert log.marks == {"sql": 10}
    assert pq.read_table(tmp_path / f"inbox/rejected/sql-{second.batch[:12]}.parquet").num_rows == 4
    assert "withdrawn before" in taken(tmp_path, sql=sql).rejected["sql"]
    database.execute("DELETE FROM log WHERE id = 14")
    database.commit()
    assert [batch.new for batch in taken(tmp_path, sql=sql).taken] == [3]


def test_what_is_not_there_or_is_all_there_is_cannot_be_withdrawn(tmp_path: Path) -> None:
    write_csv(tmp_path / "inbox/a.csv", events(5))
    taken(tmp_path)
    with pytest.raises(UserError, match=r"'z' is no batch in the log. The last ones: [0-9a-f]{12} \(a.csv\)"):
        withdraw(tmp_path / "events", tmp_path / "inbox", "z", WHY)
    with pytest.raises(UserError, match="is all that the log holds"):
        withdraw(tmp_path / "events", tmp_path / "inbox", "a.csv", WHY)
    with pytest.raises(UserError, match="no batch among the withdrawn ones"):
        offer(tmp_path / "events", tmp_path / "inbox", "a.csv")


def test_the_commands_say_what_they_did_and_keep_the_nights_findings_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    inbox = "retrain:\n  inbox: {settle_seconds: 0.0}\n"
    (tmp_path / "params.yaml").write_text(inbox, encoding="utf-8")
    for number, name in enumerate("abc"):
        write_csv(tmp_path / f"data/inbox/{name}.csv", events(5, START + number * DAY))
    assert main(["events", "take"]) == 0
    night = tmp_path / ".work/retrain/night.json"
    first, second, third = (batch["batch"] for batch in read_json(night)["taken"])
    assert read_json(night)["unproven"] == [second, third], "the first batch is never blamed"
    assert main(["events", "withdraw", "c.csv"]) == 0
    assert f"c.csv ({third[:12]}) is withdrawn: 5 events less, 10 are left." in capsys.readouterr().out
    found = read_json(night)
    assert (found["unproven"], found["rows"]) == ([second], 10)
    assert main(["night", "passed"]) == 0
    assert main(["events", "take"]) == 0
    assert read_json(night)["unproven"] == []
    assert main(["events", "show"]) == 0
    shown = capsys.readouterr().out
    assert f"{first[:12]}  a.csv" in shown
    assert f"Withdrawn: {third[:12]}  c.csv: by hand." in shown
    assert main(["events", "withdraw"]) == 1
    assert "one name or digest is due" in capsys.readouterr().err


def test_events_that_a_later_batch_had_too_come_back_as_the_command_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("retrain:\n  inbox: {settle_seconds: 0.0}\n", encoding="utf-8")
    for name, found in (("a", events(5)), ("b", events(5, START + DAY)), ("c", events(9, START + DAY))):
        write_csv(Path(f"data/inbox/{name}.csv"), found)
    assert main(["events", "take"]) == 0
    assert main(["events", "withdraw", "b.csv"]) == 0
    told = capsys.readouterr().out
    assert ") came later with 5 events that the log had already." in told
    assert len(rows(Path("data/events"))) == 9
    for action in (["withdraw", "c.csv"], ["offer", "c.csv"], ["take"]):
        assert main(["events", *action]) == 0
    assert len(rows(Path("data/events"))) == 5 + 9
    assert ") came later" not in capsys.readouterr().out


def test_the_log_holds_pseudonyms_where_ingest_asks_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    params = "ingest:\n  privacy: {pseudonyms: true}\nretrain:\n  inbox: {settle_seconds: 0.0}\n"
    (tmp_path / "params.yaml").write_text(params, encoding="utf-8")
    write_csv(tmp_path / "data/inbox/a.csv", events(5))
    assert main(["events", "take"]) == 1
    assert (tmp_path / "data/inbox/a.csv").is_file(), "without the key nothing is taken, and the file waits"
    monkeypatch.setenv("RECSMITH_PSEUDONYM_KEY", "a key that nobody guesses")
    assert main(["events", "take"]) == 0
    people = {str(row[0]) for row in rows(tmp_path / "data/events")}
    assert len(people) == 5
    assert all(person.startswith("ps_") for person in people)
