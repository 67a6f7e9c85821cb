"""``make status`` says what a person on call wants to know in the morning."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows import daemons, standing
from flows.address import NOTE
from recsmith.files import write_json

FLOWS = [{"id": "a", "name": "nightly"}, {"id": "b", "name": "pipeline"}]
OVER = [
    {
        "flow_id": "a",
        "name": "wise-owl",
        "state_name": "DataRejected",
        "state": {"message": "validate: the data\ncannot be trusted"},
        "start_time": "2026-01-02T02:00:01Z",
        "end_time": "2026-01-02T02:03:04Z",
        "expected_start_time": "2026-01-02T02:00:00Z",
    }
]
COMING = [
    {
        "flow_id": "b",
        "name": "calm-fox",
        "state_name": "Scheduled",
        "state": {"message": "for later"},
        "start_time": None,
        "end_time": None,
        "expected_start_time": "2026-01-04T04:00:00Z",
    }
]


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three daemons: a server, a worker that was told whom to alert, and one that was not."""
    monkeypatch.chdir(tmp_path)
    sleep, mark = [sys.executable, "-c", "import time; time.sleep(60)"], {daemons.MARK: f"standing-{os.getpid()}"}
    daemons.launch("server", sleep, os.environ | mark)
    daemons.launch("worker-told", sleep, os.environ | mark | {standing.ALERTS: "https://example.org/on-call"})
    daemons.launch("worker-silent", sleep, os.environ | mark)
    write_json(NOTE, {"address": "http://127.0.0.1:9"})
    yield
    daemons.stop_all()


def answer(path: str, body: dict[str, Any]) -> Any:
    if path == "flows/filter":
        return FLOWS
    return OVER if "FAILED" in body["flow_runs"]["state"]["type"]["any_"] else COMING


@pytest.mark.usefixtures("workers")
def test_runs_that_ended_stand_with_their_reason_before_those_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "answers", lambda api: True)
    monkeypatch.setattr(standing, "ask", answer)
    *_, over, coming = standing.told(["server"])
    assert over.split(maxsplit=4) == [
        "DataRejected",
        "2026-01-02T02:03:04Z",
        "nightly",
        "wise-owl",
        "validate: the data cannot be trusted",
    ]
    assert coming.split() == ["Scheduled", "2026-01-04T04:00:00Z", "pipeline", "calm-fox"]


@pytest.mark.usefixtures("workers")
def test_a_worker_without_alerts_one_that_is_gone_and_a_server_that_is_silent_are_named() -> None:
    told = list(standing.told(["server", "worker-told", "worker-silent", "worker-gone"]))
    assert "alerts" not in told[0] + told[1]
    assert told[2].endswith("without alerts (RECSMITH_ALERTS was not set)")
    assert told[3].endswith("not running: make up starts it")
    assert told[4].startswith("\nhttp://127.0.0.1:9 does not answer")
