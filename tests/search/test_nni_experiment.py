from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import nni_node
import psutil
import pytest
from nni.experiment import launcher
from searches import eventually, task, tastes

from recsmith.errors import UserError
from recsmith.search import choose, drive, nni_service
from recsmith.search.plain import search as plain_search
from recsmith.search.strategies import named

HERE = Path(__file__).resolve().parent
NODE = Path(nni_node.__file__).with_name("node")
ROOT = HERE.parents[1]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tastes(tmp_path / "data")


@contextmanager
def driven(data: Path, work: Path, out: Path, **values: Any) -> Iterator[subprocess.Popen[str]]:
    """A search through NNI in a process of its own, with a free port unless one is given."""
    command = [sys.executable, str(HERE / "drive_search.py"), str(data), str(work), str(out)]
    values = {"port": free_ports(), **values}
    paths = os.pathsep.join([str(ROOT), str(HERE)])
    process = subprocess.Popen(
        [*command, json.dumps(values)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def free_ports() -> int:
    """A port with some free ones behind it."""
    with closing(socket.socket()) as probe:
        probe.bind(("localhost", 0))
        return min(probe.getsockname()[1], 65000)


def processes_of(work: Path) -> list[psutil.Process]:
    """Whatever runs for the searches in this folder: service, tuner and trials."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        is_driver = any("drive_search.py" in word for word in words)
        if any(str(work) in word for word in words) and not is_driver:
            found.append(process)
    return found


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def plain_outs(data: Path, folder: Path, **values: Any) -> dict[str, str]:
    described = task(data, folder / "plainwork", **values)
    rows = choose.candidates(described, plain_search(described), [])
    choose.write(folder / "plain", described, rows, choose.crown(rows, described.budget.metric, 60, 40))
    return digests(folder / "plain")


def records(work: Path) -> dict[str, int]:
    """Finished trials and when their files were written."""
    return {path.name: path.stat().st_mtime_ns for path in work.glob("*/trials/*.json")}


def test_nni_finds_what_the_reference_driver_finds_and_leaves_nothing_behind(data: Path, tmp_path: Path) -> None:
    work, home = tmp_path / "work with space", Path.home() / "nni-experiments"
    before = home.stat().st_mtime_ns if home.exists() else None
    with driven(data, work, tmp_path / "out", trials=3) as driver:
        said, errors = driver.communicate(timeout=240)
    assert driver.returncode == 0, said + errors
    assert digests(tmp_path / "out") == plain_outs(data, tmp_path, trials=3)
    lines = said.splitlines()
    assert [line[:5] for line in lines[1:]] == ["[1/3]", "[2/3]", "[3/3]"], said
    assert errors == ""
    assert processes_of(work) == []
    assert (home.stat().st_mtime_ns if home.exists() else None) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in named("tuner") if name not in ("random", "tpe")])
def test_every_tuner_proposes_in_nni_s_service_what_it_proposes_here(name: str, data: Path, tmp_path: Path) -> None:
    """Trials find the records of the reference driver: the same proposals are known, and nothing is trained again."""
    values = {"trials": 8, "strategy": name, "space": {"families": ["gnn"]}, "max_epochs": 3}
    expected = plain_outs(data, tmp_path, **values)
    with driven(data, tmp_path / "plainwork", tmp_path / "out", **values) as driver:
        said, errors = driver.communicate(timeout=400)
    assert driver.returncode == 0, said + errors
    assert digests(tmp_path / "out") == expected, said
    assert said.count("known") == 8, said
    assert processes_of(tmp_path / "plainwork") == []


def test_a_busy_port_gives_way_to_the_next_and_says_so() -> None:
    said: list[str] = []
    with closing(socket.socket()) as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert nni_service.free_port(port, said.append) > port
    assert said
    assert f"Port {port} is taken by another program" in said[0]


def test_no_free_port_is_an_error_that_names_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nni_service, "_busy", lambda port: True)
    with pytest.raises(UserError, match=r"params.yaml: search.port = 8080.*8099 are taken.*Finished trials are kept"):
        nni_service.free_port(8080, print)


def test_an_experiment_s_name_tells_whether_its_driver_lives() -> None:
    from recsmith import guard

    name = nni_service.experiment_id(guard.identity(), 14)
    assert len(name) <= 32
    assert nni_service.owner_lives(name)
    assert not nni_service.owner_lives(name.replace("-", "-9", 1))
    assert not nni_service.owner_lives("r999999999-1-0")
    assert not nni_service.owner_lives("_latest")


@pytest.mark.slow
def test_killed_in_the_middle_it_leaves_no_process_and_ends_as_if_undisturbed(data: Path, tmp_path: Path) -> None:
    work, values = tmp_path / "work", {"trials": 5, "strategy": "tpe"}
    with driven(data, work, tmp_path / "out", **values) as driver:
        eventually(lambda: len(records(work)) >= 2, 200)
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
    eventually(lambda: not processes_of(work), 60)
    finished = records(work)
    assert 2 <= len(finished) < 5
    with driven(data, work, tmp_path / "out", **values) as driver:
        said, errors = driver.communicate(timeout=300)
    assert driver.returncode == 0, said + errors
    assert digests(tmp_path / "out") == plain_outs(data, tmp_path, **values)
    assert {name: time for name, time in records(work).items() if name in finished} == finished
    assert said.count("known") == len(finished)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything(data: Path, tmp_path: Path, number: signal.Signals) -> None:
    work = tmp_path / "work"
    with driven(data, work, tmp_path / "out", trials=5) as driver:
        eventually(lambda: len(records(work)) >= 1, 200)
        driver.send_signal(number)
        driver.wait(60)
    eventually(lambda: not processes_of(work), 60)


def test_an_interruption_while_the_service_starts_leaves_none_behind(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    def interrupted(*given: Any, **limits: Any) -> None:
        started.extend(process.pid for process in processes_of(tmp_path / "work"))
        raise KeyboardInterrupt

    monkeypatch.setattr(launcher, "_check_rest_server", interrupted)
    with pytest.raises(KeyboardInterrupt):
        drive.search(task(data, tmp_path / "work", port=free_ports()), tmp_path / "work", print)
    assert started
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in started)


@pytest.mark.slow
def test_killed_trials_and_a_killed_service_cost_nothing_but_time(data: Path, tmp_path: Path) -> None:
    work, values = tmp_path / "work", {"trials": 4, "strategy": "random"}
    with driven(data, work, tmp_path / "out", **values) as driver:
        eventually(lambda: len(records(work)) >= 1, 200)
        manager = next(one for one in processes_of(work) if "--experiments-directory" in one.cmdline())
        manager.kill()
        said, errors = driver.communicate(timeout=400)
    assert driver.returncode == 0, said + errors
    assert "NNI's service is started again" in said
    assert digests(tmp_path / "out") == plain_outs(data, tmp_path, **values), said
    assert processes_of(work) == []


@pytest.mark.slow
def test_all_trials_too_slow_fails_and_says_which_key_to_change(data: Path, tmp_path: Path) -> None:
    work, space = tmp_path / "work", {"families": ["gnn"]}
    values = {"trials": 2, "space": space, "max_epochs": 100000, "patience": 100000, "trial_seconds": 4}
    with driven(data, work, tmp_path / "out", **values) as driver:
        said, errors = driver.communicate(timeout=300)
    assert driver.returncode == 1
    assert "[1/2] failed" in said
    assert "all 2 trials failed" in errors
    assert "took longer than 4 s" in errors
    assert "search.trial_seconds" in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_trials_in_parallel_are_all_accounted_for(data: Path, tmp_path: Path) -> None:
    with driven(data, tmp_path / "work", tmp_path / "out", trials=5, concurrency=2, strategy="random") as driver:
        said, errors = driver.communicate(timeout=400)
    assert driver.returncode == 0, said + errors
    assert (tmp_path / "out/trials.csv").read_text().count("\n") == 6
    # Random does not look at results: its proposals are the same however many run at a time.
    assert digests(tmp_path / "out") == plain_outs(data, tmp_path, trials=5, strategy="random"), said


WALL = """
const now = Date.now;
globalThis.jump = 0;
globalThis.Date = class extends Date {
  constructor(...given) { super(...(given.length ? given : [now() + globalThis.jump])); }
  static now() { return now() + globalThis.jump; }
};
"""


def test_setting_the_clock_moves_no_time_of_nni_s_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wall.cjs").write_text(WALL, encoding="utf-8")
    monkeypatch.setenv("NODE_OPTIONS", f'--require "{tmp_path / "wall.cjs"}"')
    program = """
    const before = Date.now(); globalThis.jump = 400 * 86400e3;
    const [date, time] = [new Date(), Date.now()];
    console.log([date - before, time - before].every((gone) => gone >= 0 && gone < 60e3), date instanceof Date,
      new Date(5).getTime(), new Date(2020, 1).getFullYear(), Date.UTC(1970, 0, 2), typeof Date())
    """
    with nni_service.at_home(tmp_path):
        said = subprocess.run([NODE, "-e", program], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["true", "true", "5", "2020", "86400000", "string"]


def test_nni_s_service_listens_on_loopback_only(tmp_path: Path) -> None:
    program = (
        "const s = require('http').createServer().listen(0, () => { console.log(s.address().address); s.close() })"
    )
    with nni_service.at_home(tmp_path):
        said = subprocess.run([NODE, "-e", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "127.0.0.1"
