"""Which Prefect server is meant, and whether it answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from recsmith.errors import UserError
from recsmith.files import read_json

PROBE_SECONDS = 3.0
NOTE = Path(".work") / "prefect" / "address.json"
"""Where ``make up`` writes down where its server listens."""


def written() -> str:
    """Where the server of ``make up`` listens (``http://HOST:PORT``); empty where none was started here."""
    return str(read_json(NOTE)["address"]) if NOTE.exists() else ""


def of_make_up() -> str | None:
    """The API of the server that ``make up`` started here, where it answers."""
    api = f"{written()}/api"
    return api if written() and answers(api) else None


def answers(api: str) -> bool:
    """Whether a Prefect server answers at ``api`` (``http://HOST:PORT/api``)."""
    try:
        return requests.get(f"{api}/health", timeout=PROBE_SECONDS).status_code == 200
    except requests.RequestException:
        return False


def patient() -> requests.Session:
    """A session that asks again where the server is busy: SQLite refuses (503) what comes while it writes."""
    session = requests.Session()
    retry = Retry(total=6, backoff_factor=0.5, status_forcelist=[503], allowed_methods=None)
    session.mount("http://", HTTPAdapter(max_retries=retry))
    return session


def ask(path: str, body: dict[str, Any]) -> Any:
    """What the server of ``make up`` answers to a query."""
    answer = patient().post(f"{written()}/api/{path}", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


def _example() -> str:
    return f"{written() or 'http://127.0.0.1:4200'}/api"


def check_server() -> None:
    """UserError where ``PREFECT_API_URL`` names a server that does not answer; none named is a temporary one."""
    api = os.environ.get("PREFECT_API_URL")
    if api and not answers(api):
        raise UserError(
            f"PREFECT_API_URL = {api!r}: no Prefect server answers there. Start one (`make up`), correct the address "
            f"(such as {_example()}), or unset it: then a temporary server is used."
        )
