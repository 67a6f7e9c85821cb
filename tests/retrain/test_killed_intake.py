"""Random batches with duplicates and late events, killed at random moments: nothing is lost, nothing doubled."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest
from events_of import DAY, START, Event, rows, write_csv
from killing import killed

from recsmith.config.retrain import Door, Inbox, Retrain
from recsmith.config.validate import Validate
from recsmith.retrain import log as event_log
from recsmith.retrain.intake import take

pytestmark = [pytest.mark.slow, pytest.mark.short, pytest.mark.timeout(1800)]
SETTINGS = Retrain(inbox=Inbox(path="inbox", settle_seconds=0), door=Door(events=("view", "buy"), size_factor=1000))


def take_all(root: Path) -> None:
    """What the killed process does."""
    take(root / "events", root, SETTINGS, Validate(), lambda text: None)


def batch(random: random.Random, number: int, earlier: list[Event]) -> list[Event]:
    """New events of one day, some of days before, some that came already, some twice."""
    day = START + DAY * number
    new = [
        (f"u{random.randrange(40)}", f"i{random.randrange(60)}", day + random.randrange(DAY), 1.0, "view")
        for _ in range(random.randrange(1, 60))
    ]
    late = [(user, item, time - DAY * random.randrange(1, 9), 1.0, "buy") for user, item, time, *_ in new[::7]]
    again = random.sample(earlier, min(len(earlier), random.randrange(12)))
    mixed = [*new, *late, *again, *new[: random.randrange(3)]]
    random.shuffle(mixed)
    return mixed


def deliver(random: random.Random, root: Path, number: int, events: list[Event]) -> None:
    """A file in the inbox, now and then the same one a second time under another name."""
    path = write_csv(root / "aside" / f"{number:03d}.csv", events)
    if random.random() < 0.2:
        shutil.copy2(path, root / "aside" / f"{number:03d}-again.csv")
    for file in sorted((root / "aside").iterdir()):
        file.rename(root / "inbox" / file.name)


def test_nothing_is_lost_or_doubled(tmp_path: Path, full: bool) -> None:
    draw, kills, came = random.Random(11), 0, list[Event]()
    (tmp_path / "inbox").mkdir()
    seconds = 0.0
    for number in range(100 if full else 15):
        events = batch(draw, number, came)
        came += events
        deliver(draw, tmp_path, number, events)
        if number == 0:
            start = time.perf_counter()
            take_all(tmp_path)
            seconds = 1.5 * (time.perf_counter() - start)
        kills += sum(killed(draw, seconds, take_all, tmp_path) for _ in range(draw.randrange(4)))
    take_all(tmp_path)
    found = [(user, item, event, time) for user, item, time, _, event in rows(tmp_path / "events")]
    expected = {(user, item, event, time) for user, item, time, _, event in came}
    assert len(found) == len(set(found)), "an event is there twice"
    assert set(found) == expected
    assert kills >= (50 if full else 5)
    assert sorted(path.name for path in (tmp_path / "inbox").iterdir()) == ["taken"]
    assert sorted(path.name for path in (tmp_path / "events").iterdir()) == ["log.json", "parts"]
    log = event_log.open_log(tmp_path / "events")
    assert event_log.damaged(tmp_path / "events", log) == []
    print(f"{len(log.batches)} batches, {log.rows} events, {kills} kills")
