"""Prefect that is up in a folder, and a receiver of alerts: for the benchmark of the flow and for its tests."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from flows.address import patient

FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
SECONDS = 600.0
"""Generous, the machine may be busy."""


@dataclass
class Receiver:
    """Somebody who listens for alerts: bodies with the time of their arrival."""

    url: str
    got: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    def wait(self, word: str, seconds: float = SECONDS) -> tuple[float, dict[str, Any]]:
        """The first alert whose subject holds ``word``."""
        return until(lambda: next((one for one in self.got if word in one[1]["subject"]), None), seconds)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A webhook on this machine for as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.got.append((time.time(), body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")  # as Slack answers

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Receiver(f"http://127.0.0.1:{server.server_port}/alerts")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Service:
    """Prefect that is up in the project at ``root``."""

    root: Path
    env: Mapping[str, str]
    api: str

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``python -m flows.service WORDS``."""
        command = [sys.executable, "-m", "flows.service", *words]
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.run(command, cwd=self.root, env={**self.env}, check=False, **output)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What the server answers."""
        answer = patient().post(f"{self.api}/{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment by its full name."""
        return patient().get(f"{self.api}/deployments/name/{name}", timeout=60).json()

    def run(self, name: str, **request: Any) -> str:
        """Ask for a run of a deployment; its id."""
        place = f"deployments/{self.deployment(name)['id']}/create_flow_run"
        return self.post(place, {"parameters": {"request": request}})["id"]

    def state(self, run: str) -> dict[str, Any]:
        """The state of a run now."""
        return patient().get(f"{self.api}/flow_runs/{run}", timeout=60).json()["state"]

    def finished(self, run: str, seconds: float = SECONDS) -> dict[str, Any]:
        """Its state once it is over."""
        return until(lambda: state if (state := self.state(run))["type"] in FINAL else None, seconds)

    def logs(self, run: str) -> list[dict[str, Any]]:
        """Its log so far."""
        found = self.post("logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC"})
        return list(found)

    def said(self, run: str, word: str) -> dict[str, Any]:
        """The first line of its log that holds ``word``."""
        return until(lambda: next((line for line in self.logs(run) if word in line["message"]), None))


@contextmanager
def up(root: Path, env: Mapping[str, str], **more: str) -> Iterator[Service]:
    """``make up`` on a free port with one worker; ``make down`` at the end, whatever happens."""
    port = str(_free_port())
    settings = {"RECSMITH_POOLS": "local-process", "PYTHONPATH": str(root), "PREFECT_HOME": str(root / ".prefect")}
    service = Service(root, {**env, **settings, **more}, f"http://127.0.0.1:{port}/api")
    try:
        started = service.command("up", "--port", port)
        assert started.returncode == 0, started.stdout
        yield service
    finally:
        service.command("down")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(found: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Ask until there is an answer."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.5)
    return answer
