"""NNI's page of a search: the one that runs, else the last."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
import requests
from searches import eventually, tastes
from test_nni_experiment import driven, processes_of

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
    with web_page.last(home, 18300, print) as address:
        jobs = requests.get(f"{address}/api/v1/nni/trial-jobs", timeout=20).json()
        assert [job["sequenceId"] for job in jobs] == [0, 1]
        listening = [one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
        port = int(address.rpartition(":")[2])
        assert {one.laddr[0] for one in listening if one.laddr and one.laddr[1] == port} == {"127.0.0.1"}
    assert processes_of(work) == []


def _text(address: str) -> str:
    try:
        return requests.get(address, timeout=5).text
    except requests.RequestException:
        return ""
