"""What may happen to a search: trials that crash, hang or diverge, power cuts, a full disk, a neighbour."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from searches import eventually, task, tastes
from test_nni_experiment import digests, driven, free_ports, plain_outs, processes_of, records

from recsmith.files import read_json, write_json
from recsmith.search import choose
from recsmith.search.plain import search
from recsmith.search.store import Store


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tastes(tmp_path / "data")


def trials_of(work: Path) -> list[psutil.Process]:
    """Trials that work on a proposal now."""
    begun = {path.stem for path in work.glob("*/runs/*/started/*.json")}
    found = []
    for process in processes_of(work):
        with suppress(psutil.Error):
            is_trial = "recsmith.search.trial" in process.cmdline()
            found += [process] if is_trial and process.environ().get("NNI_TRIAL_JOB_ID") in begun else []
    return found


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "trials.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_a_loss_that_is_no_number_fails_the_trial_and_stands_in_the_table(data: Path, tmp_path: Path) -> None:
    space = {"families": ["gnn"], "learning_rate": [1e30], "operators": ["lightgcn"], "loss": ["bpr"]}
    described = task(data, tmp_path / "work", trials=2, space=space, preset="tiny", max_epochs=30)
    answers = search(described)
    found = choose.candidates(described, answers, [])
    assert {row.record.status for row in found} == {"failed"}
    text = choose.trials_csv(found, described.budget.metric)
    assert text.count("Training diverged: the loss is inf at step 2 with learning_rate = 1e+30") == 2, text


def test_a_record_is_written_whole_and_on_disk_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("sync"), sync(handle))[1])
    monkeypatch.setattr(os, "replace", lambda *names: (done.append("name"), replace(*names))[1])
    write_json(tmp_path / "trials/a.json", {"a": 1})
    assert done == ["sync", "name", "sync"]


def test_half_a_record_is_no_record(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path / "work", trials=1, preset="filters")
    (answer,) = search(described)
    (path,) = Path(described.folder).glob("trials/*.json")
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole[: len(whole) // 2], encoding="utf-8")
    assert Store(Path(described.folder)).load(answer.key) is None
    search(described)
    assert path.read_text(encoding="utf-8") == whole


@pytest.mark.slow
def test_a_killed_trial_fails_with_its_reason_and_the_search_goes_on(data: Path, tmp_path: Path) -> None:
    work, values = tmp_path / "work", {"trials": 3, "strategy": "random", "preset": "gnn", "max_epochs": 300}
    with driven(data, work, tmp_path / "out", **values, patience=300) as driver:
        (victim,) = eventually(lambda: trials_of(work), 200)
        victim.kill()  # as the kernel does where memory is out
        said, errors = driver.communicate(timeout=400)
    assert driver.returncode == 0, said + errors
    found = rows(tmp_path / "out")
    assert [row["status"] for row in found] == ["failed", "done", "done"], said
    assert "killed, or out of memory" in found[0]["error"]
    assert processes_of(work) == []


@pytest.mark.slow
def test_a_trial_without_memory_fails_with_its_reason(data: Path, tmp_path: Path) -> None:
    """The limit is on the trial's own address space, so that its allocations fail as on a full machine."""
    described = task(data, tmp_path / "work", trials=1, preset="filters", strategy="random")
    path = described.save(tmp_path)
    program = (
        "import resource, sys; from recsmith.search.task import Task; from recsmith.search import attempt, plain\n"
        "import recsmith.engine.fit, recsmith.engine.rank.evaluate, psutil, nni\n"
        "inner = attempt._fitted\n"
        "def starved(*given):\n"
        "    held = psutil.Process().memory_info().vms\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (held, held)); import numpy; numpy.ones(1 << 30)\n"
        "attempt._fitted = starved\n"
        "print(plain.search(Task.load(sys.argv[1]))[0].key)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    record = Store(Path(described.folder)).load(done.stdout.split()[-1])
    assert record is not None
    assert record.status == "failed"
    assert "MemoryError" in (record.error or "")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGTERM])
def test_a_trial_that_stands_still_or_is_told_to_end_costs_itself_only(
    data: Path, tmp_path: Path, number: signal.Signals
) -> None:
    work, values = tmp_path / "work", {"trials": 2, "strategy": "random", "preset": "gnn", "max_epochs": 200}
    with driven(data, work, tmp_path / "out", **values, patience=200, trial_seconds=60) as driver:
        (victim,) = eventually(lambda: trials_of(work), 200)
        victim.send_signal(number)
        said, errors = driver.communicate(timeout=500)
    assert driver.returncode == 0, said + errors
    found = rows(tmp_path / "out")
    assert [row["status"] for row in found] == ["failed", "done"], said
    wanted = "took longer than 60 s and did not end itself" if number == signal.SIGSTOP else "killed, or out of memory"
    assert wanted in found[0]["error"]
    assert processes_of(work) == []


@pytest.mark.slow
def test_power_cuts_at_random_moments_lose_no_finished_trial(data: Path, tmp_path: Path) -> None:
    work, values, dice = tmp_path / "work", {"trials": 6, "strategy": "tpe"}, random.Random(11)
    finished: dict[str, int] = {}
    for cut in range(3):
        with driven(data, work, tmp_path / "out", **values) as driver:
            eventually(lambda cut=cut: len(records(work)) > cut or driver.poll() is not None, 200)
            with suppress(subprocess.TimeoutExpired):
                driver.wait(dice.random() * 6)
            for process in [psutil.Process(driver.pid), *processes_of(work)]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        eventually(lambda: not processes_of(work), 60)
        now = records(work)
        assert {name: when for name, when in now.items() if name in finished} == finished
        assert all(read_json(path)["status"] == "done" for path in work.glob("*/trials/*.json"))
        finished = now
    with driven(data, work, tmp_path / "out", **values) as driver:
        said, errors = driver.communicate(timeout=400)
    assert driver.returncode == 0, said + errors
    assert {name: when for name, when in records(work).items() if name in finished} == finished
    assert said.count("known") == len(finished)
    assert digests(tmp_path / "out") == plain_outs(data, tmp_path, **values)


@pytest.mark.slow
def test_a_full_disk_is_told_and_with_room_the_search_goes_on(data: Path, tmp_path: Path) -> None:
    disk, values = tmp_path / "disk", {"trials": 4, "strategy": "random"}
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        _filled(data, disk, tmp_path / "out", values)
        assert digests(tmp_path / "out") == plain_outs(data, tmp_path, **values)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def _filled(data: Path, disk: Path, out: Path, values: dict[str, Any]) -> None:
    work, ballast = disk / "work", disk / "ballast"
    with driven(data, work, out, **values) as driver:
        eventually(lambda: len(records(work)) >= 1, 200)
        with suppress(OSError), ballast.open("wb") as handle:
            while True:
                handle.write(bytes(4096))
                handle.flush()
        said, errors = driver.communicate(timeout=400)
    assert driver.returncode == 1, said
    assert "No space left on device" in errors, said + errors
    assert "Traceback" not in errors
    eventually(lambda: not processes_of(work), 60)
    finished = records(work)
    assert finished
    ballast.unlink()
    with driven(data, work, out, **values) as driver:
        said, errors = driver.communicate(timeout=400)
    assert driver.returncode == 0, said + errors
    assert {name: when for name, when in records(work).items() if name in finished} == finished


@pytest.mark.slow
def test_two_searches_at_once_share_records_and_disturb_each_other_in_nothing(data: Path, tmp_path: Path) -> None:
    values, port = {"trials": 3, "strategy": "random"}, free_ports()
    with ExitStack() as both:
        drivers = [
            both.enter_context(driven(data, tmp_path / "work", tmp_path / f"out{number}", **values, port=port))
            for number in range(2)
        ]
        said = [driver.communicate(timeout=500) for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0], said
    wanted = plain_outs(data, tmp_path, **values)
    assert [digests(tmp_path / f"out{number}") for number in range(2)] == [wanted, wanted]
    assert sum("is taken by another program" in text for text, _ in said) >= 1 or len({*_ports(said)}) == 1
    assert processes_of(tmp_path / "work") == []


def _ports(said: list[tuple[str, str]]) -> list[str]:
    return [line.split()[1] for text, _ in said for line in text.splitlines() if line.startswith("NNI: http")]
