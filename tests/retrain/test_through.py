"""The steps of a night, in their order: what is due when the search is opened again, and when that night failed."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from events_of import events, write_csv
from killing import Killed, dies
from prefect.states import Failed

from flows import retrain
from flows.retrain import CHOOSING, JUDGING, LEARNING, Stopped, _through
from recsmith.__main__ import main
from recsmith.files import read_json, write_json, write_text

OPENED = {"action": "kept", "version": 1, "reason": "it lost", "reopens": True}
SEARCHED = OPENED | {"action": "promoted", "version": 2, "reopens": False}
FOUND = {"rows": 9, "pending": True, "reopening": False, "rejected": {}, "drift": {}, "unproven": []}


class Night:
    """Writes down which stages run and which steps; the commands themselves are not run."""

    night = retrain.Night()

    def __init__(self, *decisions: dict[str, Any], failing: bool = False, **found: Any) -> None:
        self.said, self.decisions, self.failing, self._found = list[Any](), list(decisions), failing, FOUND | found

    def step(self, name: str, *command: str) -> None:
        self.said.append(name)

    def found(self) -> dict[str, Any]:
        return self._found

    def line(self, stages: tuple[str, ...]) -> None:
        self.said.append(stages)
        if self.failing and stages == CHOOSING:
            raise Stopped(Failed(message="search: out of luck"))

    def contest(self) -> dict[str, Any]:
        self.said.append("contest")
        return self.decisions.pop(0)

    def version(self) -> None: ...


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder where a search has been, outside of a flow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(retrain, "get_run_logger", lambda: logging.getLogger("night"))
    write_text(tmp_path / "data/search/best.json", "{}")


def test_the_same_night_searches_again_and_holds_a_second_contest() -> None:
    night: Any = Night(OPENED, SEARCHED)
    assert _through(night) == "promoted: version 2; it lost"
    assert night.said == ["take", JUDGING, "passed", "enter", LEARNING, "contest", "enter again", CHOOSING, "contest"]


def test_a_search_that_failed_is_made_up_for_by_the_next_night_though_nothing_is_new() -> None:
    failed: Any = Night(OPENED, failing=True)
    with pytest.raises(Stopped, match="out of luck"):
        _through(failed)
    night: Any = Night(SEARCHED, reopening=True)
    assert _through(night) == "promoted: version 2; it lost"
    assert night.said == ["take", JUDGING, "passed", "enter", CHOOSING, "contest"]


def test_a_decided_log_is_pending_while_a_search_is_due() -> None:
    write_text("params.yaml", "retrain:\n  inbox: {settle_seconds: 0.0}\n")
    write_csv(Path("data/inbox/a.csv"), events(5))
    assert main(["events", "take"]) == 0
    night = Path(".work/retrain/night.json")
    for reopens in (False, True):
        values = {**OPENED, "reopens": reopens, "number": 1, "digest": "d", "events": read_json(night)["events"]}
        write_json("data/champion/history.json", {"entries": [values]})
        assert main(["events", "take"]) == 0
        assert (read_json(night)["pending"], read_json(night)["reopening"]) == (reopens, reopens)


@pytest.mark.parametrize("last", ["places.reject", "night.tell", "night.write_json", None])
def test_what_a_killed_night_could_not_tell_is_told_by_the_next_and_once(
    last: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(retrain, "send", lambda alert: told.append(alert.error))
    write_text("params.yaml", "retrain:\n  inbox: {settle_seconds: 0.0}\n")
    write_csv(Path("data/inbox/good.csv"), events(5))
    write_text("data/inbox/bad.csv", "user,item\n1,2\n")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed) if last else nullcontext():
        if last:
            patch.setattr(f"recsmith.retrain.{last}", dies)
        main(["events", "take"])
    for _ in range(2):
        assert main(["events", "take"]) == 0
        found = read_json(".work/retrain/night.json")
        if found["rejected"] or found["drift"]:
            retrain._tell(found)
            assert main(["night", "told"]) == 0
    assert len(told) == 1
    assert told[0].startswith("take: rejected bad.csv: ")
