"""As much of a W&B server as ``wandb sync`` needs, on loopback; one key is right."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "right" * 8
RIGHT = "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode()


class Handler(BaseHTTPRequestHandler):
    """Answers queries by their name, and takes every file."""

    protocol_version = "HTTP/1.1"
    page: bytes | None = None
    """Answered to everything, where it is set: as a portal of a network does."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.page is not None:
            self._sent(200, "text/html", self.page)
        elif not self.path.endswith("/graphql"):
            self._answer(200, {})
        elif self.headers.get("Authorization") != RIGHT:
            self._answer(401, {"errors": [{"message": "user is not logged in"}]})
        else:
            self._answer(200, {"data": self._query(json.loads(body))})

    do_GET = do_PUT = do_POST

    def _query(self, asked: dict[str, Any]) -> dict[str, Any]:
        name, values = re.search(r"(?:mutation|query) (\w+)", asked["query"]), asked.get("variables") or {}
        if name is None:
            return {"viewer": {"username": "reviewer", "entity": "team"}}
        if name[1] == "UpsertBucket":
            project = {"id": "p", "name": "recsmith", "entity": {"id": "e", "name": "team"}}
            bucket = {"id": "b", "name": values["name"], "displayName": "", "config": "{}", "project": project}
            return {"upsertBucket": {"bucket": bucket | {"historyLineCount": 0}, "inserted": True}}
        if name[1] == "CreateRunFiles":
            host = f"http://{self.headers['Host']}/upload"
            files = [{"name": file, "uploadUrl": f"{host}/{file}"} for file in values["files"]]
            return {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}
        return {}

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        self._sent(status, "application/json", json.dumps(value).encode())

    def _sent(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Quiet(ThreadingHTTPServer):
    """A client that leaves early is no news."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def serving(page: bytes | None = None) -> Iterator[str]:
    """Yield its address; ``page`` is all that it answers, where given."""
    server = Quiet(("127.0.0.1", 0), type("Answering", (Handler,), {"page": page}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
