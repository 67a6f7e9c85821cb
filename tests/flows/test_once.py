"""A flow that is run by hand finds the server that is meant."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL

from flows.address import NOTE, of_make_up
from flows.once import once


@pytest.fixture
def healthy() -> Iterator[str]:
    """The address of something that answers as a server does that is well."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/health" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def note(address: str) -> None:
    NOTE.parent.mkdir(parents=True)
    NOTE.write_text(json.dumps({"address": address}), encoding="utf-8")


def server(request: str, return_state: bool) -> Any:
    """A flow, as far as ``once`` sees it: which server it would run under."""
    assert (request, return_state) == ("a request", True)
    return PREFECT_API_URL.value()


def test_it_runs_under_the_server_of_make_up(healthy: str) -> None:
    note(healthy)
    assert of_make_up() == once(server, "a request") == f"{healthy}/api"


def test_a_server_of_make_up_that_is_gone_is_not_waited_for() -> None:
    before = PREFECT_API_URL.value()
    note("http://127.0.0.1:9")
    assert of_make_up() is None
    assert once(server, "a request") == before


def test_the_environment_comes_first_and_nobody_there_is_told(healthy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    note(healthy)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with pytest.raises(SystemExit, match="no Prefect server answers there"):
        once(server, "a request")


def test_the_password_of_a_wrong_address_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://me:pass-word-4711@127.0.0.1:9/api")
    with pytest.raises(SystemExit, match=r"http://me:\*\*\*@127.0.0.1:9/api"):
        once(server, "a request")
