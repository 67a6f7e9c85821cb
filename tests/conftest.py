"""What tests of all rooms share: real data, a workspace with the whole line, one finished run of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from workspaces import Workspace, make_workspace

os.environ.setdefault("WANDB_MODE", "disabled")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder with real data that ``RECSMITH_MIRROR`` names."""
    folder = os.environ.get("RECSMITH_MIRROR", "")
    if not Path(folder).is_dir() or not folder:
        pytest.skip("RECSMITH_MIRROR names no folder with real data")
    return Path(folder)


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether slow tests run in full; False in their short form (``RECSMITH_SHORT=1``, as in ``make test``)."""
    return os.environ.get("RECSMITH_SHORT") != "1"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A fresh workspace with tiny parameters; nothing has run."""
    return make_workspace(tmp_path / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Workspace:
    """A workspace where the tiny line has run once, mirrored offline; shared by all tests and workers: read only."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "finished"
    with FileLock(f"{folder}.lock"):
        if not (folder / "finished.txt").exists():
            shutil.rmtree(folder, ignore_errors=True)
            output = make_workspace(folder).line({"WANDB_MODE": "offline"})
            (folder / "finished.txt").write_text(output, encoding="utf-8")
    return Workspace(folder)


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Workspace], Workspace]:
    """A function that copies a workspace, results and cache included, so that a test may change it."""

    def copy(source: Workspace) -> Workspace:
        target = tmp_path / "copy"
        shutil.copytree(source.root, target, symlinks=True)
        return Workspace(target)

    return copy
