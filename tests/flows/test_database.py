"""``RECSMITH_DATABASE``: the server's state in PostgreSQL, told to the server alone."""

from __future__ import annotations

from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
from postgres_servers import serving
from workspaces import Workspace

from benchmarks.service import up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_a_run_under_a_server_with_postgresql_is_recorded_there_and_nobody_else_knows_its_address(
    workspace: Workspace,
) -> None:
    with serving() as address, up(workspace.root, workspace.env, RECSMITH_DATABASE=address) as service:
        run = service.run("pipeline/pipeline", stages=["ingest"])
        assert service.finished(run)["type"] == "COMPLETED"
        with psycopg.connect(address) as database:
            (found,) = database.execute("SELECT state_type::text FROM flow_run WHERE id = %s", [run]).fetchall()
        assert found == ("COMPLETED",)
        password = urlsplit(address).password
        assert password
        knowing = [one.cmdline()[2:4] for one in psutil.process_iter() if _knows(one, str(workspace.root), password)]
        assert knowing == [["prefect", "server"]]
    assert not list((workspace.root / ".prefect").glob("*.db"))
    written = [path for path in (workspace.root / ".work").rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if password.encode() in path.read_bytes()]


def _knows(process: psutil.Process, root: str, password: str) -> bool:
    """Whether a process of the workspace has the password in its environment."""
    try:
        env = process.environ()
    except (psutil.Error, OSError):
        return False
    return env.get("PYTHONPATH", "").startswith(root) and any(password in value for value in env.values())
