"""The event log: each event once, whatever comes twice or late; equal batches give equal bytes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from events_of import START, Event, events, rows, table
from hypothesis import given, settings
from hypothesis import strategies as st

from recsmith.config.ingest import Ingest
from recsmith.errors import UserError
from recsmith.files import file_hash
from recsmith.retrain import log as event_log
from recsmith.sources.registry import read

SOME = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "é"]),
        st.sampled_from(["1", "2", "10"]),
        st.integers(START, START + 5),
        st.sampled_from([None, 1.0, 2.0]),
        st.sampled_from(["view", "buy"]),
    ),
    min_size=1,
    max_size=12,
)


def take(folder: Path, *batches: list[Event]) -> event_log.Log:
    log = event_log.open_log(folder)
    for number, batch in enumerate(batches):
        log = event_log.append(folder, log, f"{len(log.batches) + number}", "batch", table(batch))
    return log


def identity(event: tuple[object, ...]) -> tuple[object, ...]:
    return event[0], event[1], event[4], event[2]


@given(st.lists(SOME, min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_every_event_that_came_is_there_once_and_none_other(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Event]]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    log = take(folder, *batches)
    found = [identity(event) for event in rows(folder)]
    came = [identity(event) for batch in batches for event in batch]
    assert sorted(found) == sorted(set(came))
    assert log.rows == len(found)
    assert sum(taken.new + taken.doubled for taken in log.batches) == len(came)
    assert event_log.damaged(folder, log) == []


@given(st.lists(SOME, min_size=1, max_size=3), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_of_rows_in_a_batch_changes_no_byte(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Event]], random: Random
) -> None:
    shuffled = [random.sample(batch, len(batch)) for batch in batches]
    one, two = (tmp_path_factory.mktemp("log") for _ in range(2))
    assert take(one, *batches) == take(two, *shuffled)


def test_parts_are_ordered_by_user_time_and_item_and_old_parts_are_never_touched(tmp_path: Path) -> None:
    log = take(tmp_path, events(9))
    first = tmp_path / log.parts[0].file
    before = (file_hash(first), first.stat().st_mtime_ns)
    later = take(tmp_path, events(9)[4:], events(12)[6:])
    assert (file_hash(first), first.stat().st_mtime_ns) == before
    assert [part.rows for part in later.parts] == [9, 3]
    assert rows(tmp_path)[:9] == sorted(events(9), key=lambda event: (event[0], event[2]))


def test_late_and_doubled_events_are_taken_and_counted(tmp_path: Path) -> None:
    log = take(tmp_path, events(4, START + 100), [*events(2, START), *events(2, START + 100)])
    assert [(taken.new, taken.late, taken.doubled) for taken in log.batches] == [(4, 0, 0), (2, 2, 2)]


def test_the_data_date_bounds_what_is_read_and_not_what_is_kept(tmp_path: Path) -> None:
    log = take(tmp_path / "events", events(10))
    event_log.save(tmp_path / "events", log.model_copy(update={"until": START + 300}))
    tables = read(Ingest(source="events", path="events"), tmp_path)
    assert max(tables.interactions["timestamp"].to_pylist()) == START + 240
    assert event_log.read_log(tmp_path / "events").digest != log.digest
    assert len(rows(tmp_path / "events")) == 10


def test_a_part_that_the_log_does_not_name_is_removed_at_the_next_start(tmp_path: Path) -> None:
    log = take(tmp_path, events(3))
    left = tmp_path / "parts" / "000002-0123456789ab.parquet"
    left.write_bytes(b"half")
    (tmp_path / ".log.json.abcd1234").mkdir()
    assert len(read(Ingest(source="events", path=tmp_path.name), tmp_path.parent).interactions) == 3
    assert event_log.open_log(tmp_path) == log
    assert not left.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.json", "parts"]


def test_a_missing_or_altered_part_is_named(tmp_path: Path) -> None:
    log = take(tmp_path, events(3), events(6)[3:])
    part = tmp_path / log.parts[1].file
    part.write_bytes(part.read_bytes()[:-8])
    assert event_log.damaged(tmp_path, log) == [log.parts[1].file]
    with pytest.raises(UserError, match=f"{part.name} is named by the event log and cannot be read"):
        rows(tmp_path)


def test_no_log_at_all_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    with pytest.raises(UserError, match="events holds no event log"):
        read(Ingest(source="events", path="events"), tmp_path)
    with pytest.raises(ValueError, match="source events needs path"):
        Ingest(source="events")
