"""What a person on call is told under ``make up``: runs that end badly, a night with bad data, runs that are lost."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psutil
import pytest
from retrain.nights import BAD, flood
from workspaces import Workspace

from benchmarks.service import Receiver, Service, receiver, until, up
from flows.address import patient
from recsmith.files import read_json

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


def test_bad_data_at_night_are_set_aside_and_told_and_the_last_good_ones_serve(
    service: Service, alerts: Receiver
) -> None:
    workspace, inbox = Workspace(service.root), service.root / "data/inbox"
    workspace.change({"validate": {"checks": {"users_under_k": "critical"}}})
    good = read_json(service.root / "data/events/log.json")
    inbox.mkdir()
    (inbox / "bad.csv").write_text(BAD, encoding="utf-8")
    (inbox / "flood.csv").write_text(flood(), encoding="utf-8")
    run = from_its_schedule(service)
    state = service.finished(run, PATIENCE)
    assert state["type"] == "COMPLETED"
    assert state["message"] == "kept: version 1; the challenger is the champion, byte for byte", "learnt from the same"

    told = [alert["text"] for _, alert in alerts.got if alert["subject"] == "Recsmith: nightly data rejected"]
    at_the_door, by_validate = (error_of(service, run, text) for text in told)
    assert at_the_door.startswith("take: rejected bad.csv: 1 times are outside")
    assert by_validate.startswith("withdrew batch ")
    assert ": validate: the data cannot be trusted" in by_validate
    assert "users_under_k" in by_validate
    aside = {path.name.partition("-")[2]: path.read_text(encoding="utf-8") for path in (inbox / "rejected").iterdir()}
    assert (aside["bad.csv"], aside["flood.csv"]) == (BAD, flood())
    assert "times are outside" in aside["bad.csv.reason.txt"]
    assert "users_under_k" in aside["flood.csv.reason.txt"]

    log = read_json(service.root / "data/events/log.json")
    assert (log["parts"], log["batches"]) == (good["parts"], good["batches"])
    assert read_json(service.root / "data/validate/report.json")["success"]
    bundle = "data/champion/current/bundle"
    last = read_json(service.root / "data/champion/history.json")["entries"][-1]
    assert last["digest"] == read_json(service.root / bundle / "manifest.json")["digest"]
    answer = workspace.run("python", "-m", "recsmith", "recommend", "--bundle", bundle, "--history", "p01,p02")
    assert answer.returncode == 0, answer.stdout


def from_its_schedule(service: Service) -> str:
    """The nightly run that its schedule, moved to a minute from now, has started."""
    nightly = service.deployment("nightly/nightly")
    (schedule,) = nightly["schedules"]
    soon = datetime.now(UTC) + timedelta(minutes=2)
    cron = {"cron": f"{soon.minute} {soon.hour} * * *", "timezone": "Etc/UTC"}
    place = f"{service.api}/deployments/{nightly['id']}/schedules/{schedule['id']}"
    patient().patch(place, json={"schedule": cron}, timeout=60).raise_for_status()
    states = {"type": {"any_": ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CRASHED"]}}
    wanted = {"deployments": {"id": {"any_": [nightly["id"]]}}, "flow_runs": {"state": states}}
    (run,) = until(lambda: service.post("flow_runs/filter", wanted), PATIENCE)
    assert run["created_by"]["type"] == "SCHEDULE"
    return str(run["id"])


def test_a_run_goes_on_where_its_worker_is_killed(service: Service) -> None:
    run = training(service)
    worker(service).kill()
    assert service.finished(run, PATIENCE)["type"] == "COMPLETED"
    again = service.command("up")
    assert again.returncode == 0, again.stdout


def test_a_run_that_was_killed_is_told_with_the_stage_that_it_was_at(service: Service, alerts: Receiver) -> None:
    run = training(service)
    (flow,) = worker(service).children()
    flow.kill()
    state = service.finished(run, PATIENCE)
    assert state["type"] == "CRASHED"
    assert soon(service, alerts, run, "pipeline was killed", state["timestamp"]).startswith("train: ")


def training(service: Service) -> str:
    """A run that is at the stage ``train``."""
    run = service.run("pipeline/pipeline", stages=["train"], force=True)
    service.said(run, "Running stage 'train'")
    return run


def worker(service: Service) -> psutil.Process:
    note = json.loads((service.root / ".work/prefect/worker-local-process.json").read_text(encoding="utf-8"))
    return psutil.Process(note["pid"])


def test_a_run_that_was_killed_with_its_worker_is_told_as_lost_and_no_other_is(
    service: Service, alerts: Receiver
) -> None:
    ended = service.run("pipeline/pipeline", stages=["split"])
    service.finished(ended, PATIENCE)
    late_sign_of_life(service, ended)
    run, parent = training(service), worker(service)
    for process in (parent, *parent.children(recursive=True)):
        process.kill()
    _, alert = alerts.wait("pipeline was lost", PATIENCE)
    assert error_of(service, run, alert["text"]).endswith("it was killed with its worker, or its machine is gone")
    assert service.finished(run, PATIENCE)["type"] == "CRASHED"
    time.sleep(10)  # the server looks at all silent runs at once and tells one after the other
    assert sum("was lost" in alert["subject"] for _, alert in alerts.got) == 1, "runs that ended are not lost"


def late_sign_of_life(service: Service, run: str) -> None:
    """As it arrives from a busy machine, after the end of the run."""
    beat = {"event": "prefect.flow-run.heartbeat", "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"}}
    event = beat | {"id": str(uuid4()), "occurred": datetime.now(UTC).isoformat()}
    patient().post(f"{service.api}/events", json=[event], timeout=60).raise_for_status()


def test_no_log_of_server_worker_and_runs_shows_the_secret_of_the_webhook(service: Service, alerts: Receiver) -> None:
    assert alerts.got
    paths = (service.root / ".work/prefect").glob("*.log")
    logs = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    assert any("Running stage" in text for text in logs), "the worker's log has the runs' lines"
    assert not any(SECRET in text for text in logs)
