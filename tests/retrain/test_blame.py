"""Which batch the night blames, when validate does not pass the log: the log is real, the verdict is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from events_of import DAY, START, events, write_csv
from killing import Killed, dies
from prefect.states import Failed

from flows.retrain import Stopped, _sound
from recsmith.__main__ import main
from recsmith.files import read_json
from recsmith.retrain import log as event_log

SUSPECT = Path(".work/retrain/suspect.json")


class Night:
    """Steps are the commands themselves; validate fails while one of ``bad`` is in the log."""

    def __init__(self, *bad: str, name: str = "DataRejected") -> None:
        self.bad, self.name, self.versioned = bad, name, 0

    def step(self, name: str, program: str, *command: str) -> None:
        assert (program, main(command)) == ("recsmith", 0), name

    def suspect(self) -> str | None:
        return read_json(SUSPECT)["batch"] if SUSPECT.exists() else None

    def version(self) -> None:
        self.versioned += 1

    def line(self, stages: tuple[str, ...]) -> None:
        assert stages == ("ingest", "validate")
        if set(self.bad) & set(held()):
            raise Stopped(Failed(name=self.name, message="validate: not to be trusted"))


def digests() -> list[str]:
    return [batch.batch for batch in event_log.read_log(Path("data/events")).batches]


def held() -> list[str]:
    return [batch.name for batch in event_log.read_log(Path("data/events")).batches]


@pytest.fixture(autouse=True)
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of start.csv, proven, and three new batches."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECSMITH_ALERTS", raising=False)
    Path("params.yaml").write_text("retrain:\n  inbox: {settle_seconds: 0.0}\n", encoding="utf-8")
    for number, name in enumerate(("start", "a", "b", "c")):
        write_csv(Path(f"data/inbox/{name}.csv"), events(5, START + number * DAY))
        if name == "start":
            assert main(["events", "take"]) == 0
    assert main(["events", "take"]) == 0


def test_the_bad_batch_alone_is_rejected_and_later_ones_come_again() -> None:
    night: Any = Night("b.csv")
    assert _sound(night)
    assert held() == ["start.csv", "a.csv"]
    assert [gone.name for gone in event_log.read_log(Path("data/events")).withdrawn] == ["b.csv"]
    assert Path("data/inbox/c.csv").is_file()
    assert main(["events", "take"]) == 0
    assert not _sound(night)
    assert held() == ["start.csv", "a.csv", "c.csv"]
    assert read_json(".work/retrain/proven.json")["batches"] == digests()


def test_what_is_older_than_this_night_is_never_blamed() -> None:
    night: Any = Night("start.csv")
    with pytest.raises(Stopped, match="not to be trusted"):
        _sound(night)
    assert held() == ["start.csv"]
    assert event_log.read_log(Path("data/events")).withdrawn == ()
    assert sorted(path.name for path in Path("data/inbox").glob("*.csv")) == ["a.csv", "b.csv", "c.csv"]


def test_whoever_is_on_call_hears_of_the_bad_batch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("flows.retrain.send", lambda alert: told.append(alert.error))
    night: Any = Night("b.csv")
    assert _sound(night)
    (gone,) = event_log.read_log(Path("data/events")).withdrawn
    assert told == [f"withdrew batch {gone.batch[:12]}: validate: not to be trusted"]
    assert not SUSPECT.exists()


@pytest.mark.parametrize("where", ["before it leaves", "before the verdict"])
def test_a_batch_that_a_killed_night_suspected_comes_again(where: str) -> None:
    night: Any = Night("b.csv")
    last = "blame.withdraw" if where == "before it leaves" else "night.withdrawn"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"recsmith.retrain.{last}", dies)
        with pytest.raises(Killed):
            _sound(night)
    assert SUSPECT.exists()
    assert ("c.csv" in held()) == (where == "before it leaves")
    assert main(["events", "take"]) == 0
    assert not SUSPECT.exists()
    assert held() == ["start.csv", "a.csv", "b.csv", "c.csv"]
    assert _sound(night)
    assert [gone.name for gone in event_log.read_log(Path("data/events")).withdrawn] == ["b.csv"]


def test_other_failures_blame_nobody() -> None:
    night: Any = Night("b.csv", name="TooLong")
    with pytest.raises(Stopped):
        _sound(night)
    assert held() == ["start.csv", "a.csv", "b.csv", "c.csv"]
