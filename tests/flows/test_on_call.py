"""What a person on call is told under ``make up``: runs that end badly, runs that are lost."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from datetime import datetime

import psutil
import pytest
from workspaces import Workspace

from benchmarks.service import Receiver, Service, receiver, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
PATIENCE = 1200.0
"""Seconds in which something happens by itself; generous, the machine may be busy."""
SECRET = "TIiajkdnlazkcOXrIdevi7"
"""At the end of the webhook's address, as Slack has it."""


@pytest.fixture(scope="module")
def alerts() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture(scope="module")
def service(finished: Workspace, tmp_path_factory: pytest.TempPathFactory, alerts: Receiver) -> Iterator[Service]:
    """Up, where the line has run once, its bundle serves, and an event log is kept."""
    workspace = Workspace(tmp_path_factory.mktemp("on-call") / "project")
    shutil.copytree(finished.root, workspace.root, symlinks=True)
    for words in ("champion decide", "events init"):
        made = workspace.run("python", "-m", "recsmith", *words.split())
        assert made.returncode == 0, made.stdout
    with up(workspace.root, workspace.env, RECSMITH_ALERTS=f"{alerts.url}/{SECRET}") as found:
        yield found


def soon(service: Service, alerts: Receiver, run: str, subject: str, since: str) -> str:
    """The error of the alert; it arrived within 10 seconds of ``since``, with the command to look closer."""
    arrived, alert = alerts.wait(subject, PATIENCE)
    assert arrived - datetime.fromisoformat(since).timestamp() < 10
    return error_of(service, run, alert["text"])


def error_of(service: Service, run: str, text: str) -> str:
    """The one line before the command that shows the log of ``run``."""
    error, look = text.splitlines()
    assert look == f"Look closer: PREFECT_API_URL={service.api} prefect flow-run logs {run}"
    return error


def test_a_run_that_no_worker_takes_is_told_by_the_server(service: Service, alerts: Receiver) -> None:
    run = service.run("pipeline/search")
    _, alert = alerts.wait("pipeline is late", PATIENCE)
    assert error_of(service, run, alert["text"]).endswith("no worker takes it")
    service.post(f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLED"}, "force": True})


def test_a_bundle_below_the_gate_is_told_with_the_knob(service: Service, alerts: Receiver) -> None:
    Workspace(service.root).change({"compress": {"gate": {"ratio": 1000.0}}})
    run = service.run("pipeline/pipeline", stages=["compress"])
    state = service.finished(run, PATIENCE)
    assert (state["type"], state["name"]) == ("FAILED", "BelowGate")
    error = soon(service, alerts, run, "pipeline quality below the gate", state["timestamp"])
    assert error.startswith("compress: ")
    assert "compress.gate.ratio = 1000 asks for more" in error
    Workspace(service.root).change({"compress": {"gate": {"ratio": 1.0}}})


def test_a_stage_that_takes_too_long_is_ended_and_told(service: Service, alerts: Receiver) -> None:
    run = service.run("pipeline/pipeline", stages=["compress"], force=True, stage_minutes=0.02)
    state = service.finished(run, PATIENCE)
    assert (state["type"], state["name"]) == ("FAILED", "TooLong")
    error = soon(service, alerts, run, "pipeline ran too long and was ended", state["timestamp"])
    assert error == "compress: longer than 0.02 minutes, ended"


def test_a_run_that_was_killed_with_its_worker_is_told_as_lost_and_no_other_is(
    service: Service, alerts: Receiver
) -> None:
    run = service.run("pipeline/pipeline", stages=["train"], force=True)
    service.said(run, "Running stage 'train'")
    note = json.loads((service.root / ".work/prefect/worker-local-process.json").read_text(encoding="utf-8"))
    worker = psutil.Process(note["pid"])
    for process in (worker, *worker.children(recursive=True)):
        process.kill()
    _, alert = alerts.wait("pipeline was lost", PATIENCE)
    assert error_of(service, run, alert["text"]).endswith("its worker or its machine is gone")
    assert service.finished(run, PATIENCE)["name"] == "Crashed"
    time.sleep(10)  # the server looks at all silent runs at once and tells one after the other
    assert sum("was lost" in alert["subject"] for _, alert in alerts.got) == 1, "runs that ended are not lost"


def test_no_log_of_server_worker_and_runs_shows_the_secret_of_the_webhook(service: Service, alerts: Receiver) -> None:
    assert alerts.got
    paths = (service.root / ".work/prefect").glob("*.log")
    logs = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    assert any("was delivered" in text for text in logs), "the worker's log has the runs' lines"
    assert not any(SECRET in text for text in logs)
