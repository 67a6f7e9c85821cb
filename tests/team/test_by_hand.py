"""``dvc`` as ``make install`` leaves it: typed by hand, it refuses an SSH host that nobody has accepted."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_projects import ROOT, done, object_of, run, set_remote
from ssh_servers import Server

from tools.remotes.by_hand import install


@pytest.fixture
def dvc(tmp_path: Path) -> str:
    install(tmp_path)
    return str(tmp_path / "dvc")


def test_an_unknown_host_is_refused_and_an_accepted_one_taken(project: Path, server: Server, dvc: str) -> None:
    set_remote(project, server.url, server.folder / "user")
    refused = run(project, dvc, "push", "file", env=server.env)
    assert refused.returncode != 0
    assert "Host key is not trusted" in refused.stdout
    assert not (server.folder / "store").exists()
    server.accept()
    done(project, dvc, "push", "file", env=server.env)
    sent = object_of(project, "file")
    assert (server.folder / "store/files/md5" / sent.parent.name / sent.name).is_file()


def test_it_is_put_in_place_after_everything_else_is_installed() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("$(VENV)/.installed-%:")[2]
    steps = [line for line in recipe.partition("\n\n")[0].splitlines() if "$(VENV)/bin/python -m" in line]
    assert "tools.remotes.by_hand $(VENV)/bin" in steps[-1]
    assert "pip install" in steps[-2]
