"""Which Prefect server is meant, and whether it answers."""

from __future__ import annotations

import os

import requests

from recsmith.errors import UserError

PROBE_SECONDS = 3.0


def answers(api: str) -> bool:
    """Whether a Prefect server answers at ``api`` (``http://HOST:PORT/api``)."""
    try:
        return requests.get(f"{api}/health", timeout=PROBE_SECONDS).status_code == 200
    except requests.RequestException:
        return False


def check_server() -> None:
    """UserError where ``PREFECT_API_URL`` names a server that does not answer; none named is a temporary one."""
    api = os.environ.get("PREFECT_API_URL")
    if api and not answers(api):
        raise UserError(
            f"PREFECT_API_URL = {api!r}: no Prefect server answers there. Start one (`make up`), correct the address, "
            "or unset it: then a temporary server is used."
        )
