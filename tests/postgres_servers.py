"""A PostgreSQL server of our own, on loopback, its data in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from workspaces import free_port


@contextmanager
def serving() -> Iterator[str]:
    """Its address, or what ``RECSMITH_TEST_POSTGRES`` names; skips where there is neither."""
    given, programs = os.environ.get("RECSMITH_TEST_POSTGRES"), _programs()
    if given:
        yield given
        return
    if programs is None:
        pytest.skip("no PostgreSQL server: RECSMITH_TEST_POSTGRES is not set and pg_ctl is not installed")
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        port, control = free_port(), (str(programs / "pg_ctl"), "-D", f"{folder}/data")
        _run(str(programs / "initdb"), "-D", f"{folder}/data", "-A", "trust", "-U", "shop", "-N")
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -F"
        _run(*control, "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql://shop:open-sesame@127.0.0.1:{port}/postgres"
        finally:
            _run(*control, "-m", "immediate", "stop")


def _programs() -> Path | None:
    found = shutil.which("pg_ctl")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


def _run(*command: str) -> None:
    """As the user postgres where we are root: PostgreSQL refuses to run as root."""
    prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, stdout=subprocess.DEVNULL, timeout=60)
