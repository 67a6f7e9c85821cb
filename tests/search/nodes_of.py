"""Nodes on loopback for the tests of the search: SSH servers of our own, each with a folder of its own."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Any

import psutil
from ssh_servers import Server


def node(server: Server, **values: Any) -> dict[str, Any]:
    """An entry of ``search.nodes`` for a server that runs; keywords replace what it says."""
    found = {
        "host": "127.0.0.1",
        "port": server.port,
        "user": getpass.getuser(),
        "key_file": str(server.folder / "user"),
        "known_hosts": str(server.folder / "home/.ssh/known_hosts"),
        "python": sys.executable,
        "folder": str(cache(server)),
    }
    return found | values


def cache(server: Server) -> Path:
    """Where the node keeps what is ours."""
    return server.folder / "cache"


def processes_on(server: Server) -> list[psutil.Process]:
    """Whatever of ours runs on the node: the agent, NNI's keeper of trials, trials."""
    word = str(cache(server))
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(word in one for one in process.info["cmdline"] or []) and not _drives(process)
    ]


def _drives(process: psutil.Process) -> bool:
    """The test's own driver has the node's folder among its arguments."""
    return any(Path(one).name in ("drive_search.py", "pytest") for one in process.info["cmdline"] or [])


def kill(server: Server) -> None:
    """A node that goes down: its server, every session, and all that ran there, at once."""
    daemons = [psutil.Process(process.pid) for process in server.processes]
    sessions = [child for one in daemons for child in one.children(recursive=True)]
    for process in [*daemons, *sessions, *processes_on(server)]:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
