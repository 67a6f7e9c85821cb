"""Small projects, and an SSH server of our own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_projects import make_project
from ssh_servers import Server, serving


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project; read only."""
    return make_project(tmp_path_factory.mktemp("made") / "project")


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """A small project to change."""
    return Path(shutil.copytree(made, tmp_path / "project"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that runs; the client has its key and does not know the host yet."""
    with serving(tmp_path / "server") as server:
        yield server
