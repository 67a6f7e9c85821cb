"""Trials on two nodes: what they find, what a node that goes down costs, and that nothing is left on them."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from nodes_of import cache, kill, node, processes_on
from searches import eventually, tastes
from ssh_servers import Server, serving
from test_nni_experiment import digests, driven, plain_outs, processes_of, records

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """Two nodes; they keep what they were given, so that later tests find it there."""
    folder = tmp_path_factory.mktemp("nodes")
    with serving(folder / "one") as one, serving(folder / "two") as two:
        for server in (one, two):
            server.accept()
        yield [one, two]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tastes(tmp_path / "data")


def trials_on(server: Server) -> list[psutil.Process]:
    """Trials that run on the node."""
    found = []
    for process in processes_on(server):
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        found += [process] if "recsmith.search.nodes.trial" in words and not words[0].endswith("sh") else []
    return found


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "trials.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def left_on(servers: list[Server]) -> list[Any]:
    """Processes and folders of runs."""
    runs = [path for server in servers for path in cache(server).glob("runs/*")]
    return [*runs, *(process for server in servers for process in processes_on(server))]


def test_two_nodes_find_what_this_machine_finds_and_keep_nothing_of_the_run(
    servers: list[Server], data: Path, tmp_path: Path
) -> None:
    work, values = tmp_path / "work", {"trials": 5, "strategy": "random", "nodes": [node(one) for one in servers]}
    home = Path.home() / "nni-experiments"
    before = home.stat().st_mtime_ns if home.exists() else None
    with driven(data, work, tmp_path / "out", **values) as driver:
        said, errors = driver.communicate(timeout=900)
    assert driver.returncode == 0, said + errors
    assert digests(tmp_path / "out") == plain_outs(data, tmp_path, trials=5, strategy="random", concurrency=2), said
    assert [said.count(f"127.0.0.1:{one.port}  ") for one in servers] == [1, 1]
    eventually(lambda: not left_on(servers), 60)
    assert processes_of(work) == []
    assert (home.stat().st_mtime_ns if home.exists() else None) == before


def test_a_killed_driver_leaves_nothing_on_the_nodes(servers: list[Server], data: Path, tmp_path: Path) -> None:
    values = {"trials": 4, "strategy": "random", "nodes": [node(one) for one in servers]}
    with driven(data, tmp_path / "work", tmp_path / "out", **values) as driver:
        eventually(lambda: any(trials_on(one) for one in servers), 600)
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
    eventually(lambda: not left_on(servers), 60)
    eventually(lambda: not processes_of(tmp_path / "work"), 60)


def test_a_node_that_goes_down_in_the_middle_of_a_trial_costs_that_trial_and_no_more(
    servers: list[Server], data: Path, tmp_path: Path
) -> None:
    work, lost = tmp_path / "work", servers[1]
    values = {"trials": 6, "strategy": "random", "preset": "gnn", "max_epochs": 60, "patience": 60}
    with driven(data, work, tmp_path / "out", **values, nodes=[node(one) for one in servers]) as driver:
        eventually(lambda: trials_on(lost) and _told(work, lost), 600)
        kill(lost)
        said, errors = driver.communicate(timeout=900)
    assert driver.returncode == 0, said + errors
    assert f"127.0.0.1:{lost.port}" in said.partition("is lost")[0].splitlines()[-1]
    found = rows(tmp_path / "out")
    assert [row["number"] for row in found] == [str(number) for number in range(1, 7)]
    failed = [row for row in found if row["status"] != "done"]
    assert 1 <= len(failed) <= 2, said
    assert any("was lost in the middle of the trial" in row["error"] for row in failed)
    eventually(lambda: not left_on(servers[:1]) and not processes_on(lost), 60)
    _goes_on_without_it(servers, data, tmp_path, values)


def _told(work: Path, server: Server) -> set[str]:
    """Trials of the node that the driver knows to run."""
    known = {path.stem for path in work.glob("*/runs/*/started/*.json")}
    return known & {path.stem for path in cache(server).glob("runs/*/answers/started/*.json")}


def _goes_on_without_it(servers: list[Server], data: Path, tmp_path: Path, values: dict[str, Any]) -> None:
    """A node that stays away is refused by name; without it only what was lost is trained."""
    work, finished = tmp_path / "work", {}
    with driven(data, work, tmp_path / "out", **values, nodes=[node(one) for one in servers]) as driver:
        _, errors = driver.communicate(timeout=300)
    assert driver.returncode == 1
    assert f"127.0.0.1:{servers[1].port} cannot be reached" in errors
    finished = {name: when for name, when in records(work).items() if _is_done(work, name)}
    with driven(data, work, tmp_path / "out", **values, nodes=[node(servers[0])]) as driver:
        said, errors = driver.communicate(timeout=900)
    assert driver.returncode == 0, said + errors
    assert all(row["status"] == "done" for row in rows(tmp_path / "out"))
    assert {name: when for name, when in records(work).items() if name in finished} == finished
    assert said.count("known") == len(finished)


def _is_done(work: Path, name: str) -> bool:
    (path,) = work.glob(f"*/trials/{name}")
    return '"status": "done"' in path.read_text(encoding="utf-8")
