"""Prefect for real: server, worker, schedules, cancellation and alerts in a copy of the project."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psutil
import pytest
from workspaces import Workspace, make_workspace

from benchmarks.service import Receiver, Service, receiver, until, up
from flows import daemons
from flows.address import NOTE, patient
from recsmith.files import write_json

pytestmark = [pytest.mark.slow, pytest.mark.short, pytest.mark.timeout(3600)]

MINUTELY = """
- name: minutely
  entrypoint: flows/pipeline.py:pipeline
  parameters: {request: {stages: [ingest]}}
  schedules: [{cron: "* * * * *", timezone: Etc/UTC, active: true}]
  work_pool: {name: local-process}
"""
SLOW = """
import time
while Path(".work/slow").exists():
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def alerts() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, alerts: Receiver) -> Iterator[Service]:
    """Up, with one more deployment that runs every minute, and an ``ingest`` that a file can hold."""
    workspace = make_workspace(tmp_path_factory.mktemp("service") / "project")
    with (workspace.root / "prefect.yaml").open("a", encoding="utf-8") as plan:
        plan.write(MINUTELY)
    stage = workspace.root / "stages" / "ingest.py"
    stage.write_text(stage.read_text(encoding="utf-8").replace("def run(", f"{SLOW}\n\ndef run("), encoding="utf-8")
    with up(workspace.root, workspace.env, RECSMITH_ALERTS=alerts.url) as found:
        yield found


def processes(root: Path) -> list[list[str]]:
    """Command lines of all that runs in the workspace or was started for it."""
    return [process.cmdline() for process in psutil.process_iter() if _inside(process, root)]


def _inside(process: psutil.Process, root: Path) -> bool:
    try:
        place = str(root)
        return process.status() != psutil.STATUS_ZOMBIE and place in (
            process.cwd(),
            process.environ().get("PYTHONPATH", "").split(os.pathsep)[0],
        )
    except (psutil.Error, OSError):
        return False


def of_runs(root: Path) -> list[list[str]]:
    return [line for line in processes(root) if any(word in ("dvc", "flows.guard") for word in line)]


def test_a_schedule_fires_and_completes(service: Service) -> None:
    deployment = service.deployment("pipeline/minutely")["id"]
    wanted = {"deployments": {"id": {"any_": [deployment]}}, "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    run = until(lambda: service.post("flow_runs/filter", wanted))[0]
    assert run["auto_scheduled"]
    assert run["created_by"]["type"] == "SCHEDULE"
    assert (service.root / "data/ingest/interactions.parquet").exists()
    patient().patch(f"{service.api}/deployments/{deployment}", json={"paused": True}, timeout=60).raise_for_status()


def test_what_is_up_is_told_again_and_a_taken_port_is_refused(service: Service) -> None:
    address = service.api.removesuffix("/api")
    again = service.command("up")
    assert (again.returncode, again.stdout) == (0, f"Prefect is up already: {address}\n")
    elsewhere = service.command("up", "--port", "4999")
    assert elsewhere.returncode == 1
    assert f"{address}. `make down` first" in elsewhere.stdout
    assert address in service.command("status").stdout


def test_unknown_stages_and_parameters_are_refused_before_anything_runs(service: Service) -> None:
    place = f"{service.api}/deployments/{service.deployment('pipeline/pipeline')['id']}/create_flow_run"
    for request in ({"stages": ["ingst"]}, {"learning_rate": 0.1}, {"wandb": "sometimes"}):
        answer = patient().post(place, json={"parameters": {"request": request}}, timeout=60)
        assert answer.status_code in (409, 422), answer.text


def test_rejected_data_is_told_within_ten_seconds_with_stage_reason_and_command(
    service: Service, alerts: Receiver
) -> None:
    Workspace(service.root).change({"validate": {"min_users": 100_000}})
    run = service.run("pipeline/pipeline", stages=["ingest", "validate"])
    state = service.finished(run)
    assert (state["type"], state["name"]) == ("FAILED", "DataRejected")
    arrived, alert = alerts.wait("data rejected")
    assert arrived - datetime.fromisoformat(state["timestamp"]).timestamp() < 10
    error, look = alert["text"].splitlines()
    assert error.startswith("validate: the data cannot be trusted")
    assert "enough_users" in error
    assert look == f"Look closer: PREFECT_API_URL={service.api} prefect flow-run logs {run}"
    Workspace(service.root).change({"validate": {"min_users": 2}})


def test_a_cancelled_run_leaves_nothing_running(service: Service) -> None:
    slow = service.root / ".work" / "slow"
    slow.touch()
    run = service.run("pipeline/pipeline", stages=["ingest"], force=True)
    service.said(run, "Running stage 'ingest'")
    assert of_runs(service.root)
    service.post(f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    assert service.finished(run)["type"] == "CANCELLED"
    slow.unlink()
    until(lambda: not of_runs(service.root), 120)


def test_a_run_whose_code_cannot_be_loaded_is_told(service: Service, alerts: Receiver) -> None:
    flow = service.root / "flows/pipeline.py"
    code = flow.read_text(encoding="utf-8")
    flow.write_text(f"import not_installed\n{code}", encoding="utf-8")
    run = service.run("pipeline/pipeline", stages=["ingest"])
    assert service.finished(run)["type"] == "CRASHED"
    _, alert = alerts.wait("crashed")
    flow.write_text(code, encoding="utf-8")
    assert alert["subject"] == "Recsmith: pipeline crashed"
    error, look = alert["text"].splitlines()
    assert "status code: 1" in error
    assert look == f"Look closer: PREFECT_API_URL={service.api} prefect flow-run logs {run}"


def test_a_killed_run_is_told_and_a_killed_worker_is_started_again(
    service: Service, alerts: Receiver, full: bool
) -> None:
    if not full:
        pytest.skip("in full only: it waits for the server to notice")
    slow = service.root / ".work" / "slow"
    slow.touch()
    run = service.run("pipeline/pipeline", stages=["ingest"], force=True)
    service.said(run, "Running stage 'ingest'")
    guard = next(
        process
        for process in psutil.process_iter()
        if _inside(process, service.root) and "flows.guard" in process.cmdline()
    )
    flow = guard.parent()
    assert flow is not None
    flow.kill()
    assert service.finished(run)["type"] == "CRASHED"
    until(lambda: of_run(alerts, run))
    slow.unlink()
    until(lambda: not of_runs(service.root), 120)
    worker = next(
        process for process in psutil.process_iter() if _inside(process, service.root) and "worker" in process.cmdline()
    )
    worker.send_signal(signal.SIGKILL)
    worker.wait(10)
    assert "starting the worker of pool local-process" in service.command("up").stdout
    assert service.finished(service.run("pipeline/pipeline", stages=["ingest"]))["type"] == "COMPLETED"
    assert of_run(alerts, run) == ["Recsmith: pipeline was killed"], "told once"


def of_run(alerts: Receiver, run: str) -> list[str]:
    """Subjects of the alerts about a run."""
    return [alert["subject"] for _, alert in alerts.got if run in alert["text"]]


def test_down_leaves_no_process(service: Service) -> None:
    (service.root / ".work" / "slow").touch()
    service.said(service.run("pipeline/pipeline", stages=["ingest"], force=True), "Running stage 'ingest'")
    down = service.command("down")
    assert down.stdout == "stopped: worker-local-process, server\n"
    assert processes(service.root) == []
    assert service.command("down").stdout == "Prefect is not up here; nothing to stop.\n"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(service.api.split(":")[2].split("/")[0]))) != 0


def test_a_server_that_lives_outlives_an_up_that_is_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace.root)
    idle = [sys.executable, "-c", "import time; time.sleep(600)"]
    server = daemons.launch("server", idle, os.environ | {daemons.MARK: daemons.new_mark()})
    write_json(NOTE, {"address": "http://127.0.0.1:9"})
    try:
        refused = workspace.run("python", "-m", "flows.service", "up", "--port", "4999")
        assert "Prefect is up already: http://127.0.0.1:9. `make down` first" in refused.stdout
        assert server.status() != psutil.STATUS_ZOMBIE
        assert daemons.running("server") == server
    finally:
        assert daemons.stop_all() == ["server"]


def test_a_taken_port_and_an_unknown_pool_are_told_and_nothing_is_started(workspace: Workspace) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = workspace.run("python", "-m", "flows.service", "up", "--port", port)
    assert refused.returncode == 1
    assert refused.stdout.startswith(f"port {port} is taken by process {os.getpid()} (")
    assert f"). Choose another: make up PORT={int(port) + 1}" in refused.stdout
    refused = workspace.run("python", "-m", "flows.service", "up", env={"RECSMITH_POOLS": "gpus"})
    assert refused.stdout == "RECSMITH_POOLS = 'gpus' is unknown. Known: gpu, local-process.\n"
    assert not (workspace.root / ".work/prefect").exists()
