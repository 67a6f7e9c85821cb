"""NNI's page of a search: the one that runs, else the last."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests
from searches import eventually, tastes
from test_nni_experiment import ROOT, driven, free_ports, processes_of

from recsmith.errors import UserError
from recsmith.search import web_page


def test_where_no_search_ran_that_is_said(tmp_path: Path) -> None:
    assert web_page.running(tmp_path) is None
    with pytest.raises(UserError, match="no search has run through NNI here"), web_page.last(tmp_path, 18300, print):
        pass


@pytest.mark.slow
def test_the_page_is_that_of_the_search_that_runs_then_of_the_last_one_on_loopback_only(tmp_path: Path) -> None:
    data, work = tastes(tmp_path / "data"), tmp_path / "work"
    home = work.resolve() / "nni"
    with driven(data, work, tmp_path / "out", trials=2) as driver:
        address = eventually(lambda: web_page.running(home), 120)
        assert '<div id="root">' in eventually(lambda: _text(address), 60)
        said, errors = driver.communicate(timeout=300)
    assert driver.returncode == 0, said + errors
    assert web_page.running(home) is None
    with web_page.last(home, 18300, print) as page:
        jobs = requests.get(f"{page.address}/api/v1/nni/trial-jobs", timeout=20).json()
        assert [job["sequenceId"] for job in jobs] == [0, 1]
        listening = [one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
        port = int(page.address.rpartition(":")[2])
        assert {one.laddr[0] for one in listening if one.laddr and one.laddr[1] == port} == {"127.0.0.1"}
    assert processes_of(work) == []


@contextmanager
def _shown(project: Path) -> Iterator[subprocess.Popen[str]]:
    """``make search-ui`` in a project; the page is there."""
    command = [sys.executable, "-m", "tools.search_ui"]
    paths = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True, env=paths)
    try:
        assert process.stdout is not None
        said = next(line for line in process.stdout if "NNI's page of the last search" in line)
        assert '<div id="root">' in _text(said.split("search: ")[1].split()[0])
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_the_page_of_the_last_search_ends_with_whoever_shows_it_and_with_the_next_search(tmp_path: Path) -> None:
    data, work = tastes(tmp_path / "data"), tmp_path / ".work/search"
    (tmp_path / "params.yaml").write_text(f"search: {{port: {free_ports()}}}\n", encoding="utf-8")
    with driven(data, work, tmp_path / "out", trials=1) as driver:
        assert driver.wait(300) == 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
        with _shown(tmp_path) as page:
            page.send_signal(number)
            page.wait(30)
        eventually(lambda: not processes_of(work), 30)
    with _shown(tmp_path) as page, driven(data, work, tmp_path / "again", trials=1) as driver:
        said, _ = page.communicate(timeout=120)
        assert driver.wait(300) == 0
    assert page.returncode == 0
    assert "a new search has begun" in said


def _text(address: str) -> str:
    try:
        return requests.get(address, timeout=5).text
    except requests.RequestException:
        return ""
