"""What the server tells a person on call by itself, since no run is there to tell it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from workspaces import Workspace

from benchmarks.service import Receiver, Service, receiver, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
PATIENCE = 600.0
"""Seconds in which the server notices what nobody tells it; generous, the machine may be busy."""


@pytest.fixture(scope="module")
def alerts() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture(scope="module")
def service(finished: Workspace, tmp_path_factory: pytest.TempPathFactory, alerts: Receiver) -> Iterator[Service]:
    """Up, where the line has run once."""
    root: Path = tmp_path_factory.mktemp("on-call") / "project"
    shutil.copytree(finished.root, root, symlinks=True)
    with up(root, Workspace(root).env, RECSMITH_ALERTS=alerts.url) as found:
        yield found


def test_a_run_that_no_worker_takes_is_told_by_the_server(service: Service, alerts: Receiver) -> None:
    run = service.run("pipeline/search")
    _, alert = alerts.wait("pipeline is late", PATIENCE)
    assert "no worker takes it" in alert["text"]
    assert f"prefect flow-run logs {run}" in alert["text"]
    service.post(f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLED"}, "force": True})
