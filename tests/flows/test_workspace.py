"""One run at a time: flows wait for each other and for what was typed by hand, and say for whom."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows import workspace as room
from flows.workspace import VARIABLE, workspace
from recsmith.locks import holder
from stages import _alone

HOLD = """
import time
from flows.workspace import workspace
with workspace("nightly", "r1", "f1", print):
    print("in", flush=True)
    time.sleep({seconds})
"""
LINE = """
import subprocess, sys, time
code = "from stages._alone import only_writer\\nimport time\\nwith only_writer('split'):\\n time.sleep(1)"
for _ in range(2):
    subprocess.run([sys.executable, "-c", code], check=True)
    print("in", flush=True)
    time.sleep(1.5)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))


@contextmanager
def running(*program: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "in\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def test_flows_and_stages_mean_the_same_locks() -> None:
    assert room.LOCKS == _alone.LOCKS


def test_a_second_flow_waits_and_says_for_whom() -> None:
    said: list[str] = []
    with running(sys.executable, "-c", HOLD.format(seconds=2)) as first, workspace("pipeline", "r2", "f2", said.append):
        assert first.wait(timeout=10) == 0
    assert len(said) == 1
    assert said[0].startswith(f"waiting for process {first.pid} (nightly, run r1, since ")


def test_a_long_wait_is_told_once_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LATE_SECONDS", 1.0)
    late: list[str] = []
    stuck = running(sys.executable, "-c", HOLD.format(seconds=3))
    with stuck as first, workspace("pipeline", "r2", "f2", print, late=late.append):
        assert first.wait(timeout=10) == 0
        time.sleep(1.5)
    assert [words.partition(" (")[0] for words in late] == [f"waiting for process {first.pid}"]


def test_who_need_not_wait_tells_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LATE_SECONDS", 0.5)
    late: list[str] = []
    with workspace("pipeline", "r2", "f2", print, late=late.append):
        time.sleep(1)
    assert late == []


def test_a_flow_waits_for_the_whole_line_that_was_typed_by_hand(tmp_path: Path) -> None:
    (tmp_path / "dvc").write_text(LINE, encoding="utf-8")  # known by its name
    said: list[str] = []
    with running(sys.executable, "dvc") as line, workspace("pipeline", "r2", "f2", said.append):
        assert line.wait(timeout=10) == 0
    assert said
    assert all("(stage split, run " in words for words in said)


def test_a_flow_inside_a_flow_takes_nothing_and_leaves_the_outer_ones_lock() -> None:
    with workspace("retrain", "r", "f", print):
        assert os.environ[VARIABLE] == str(os.getpid())
        with workspace("pipeline", "r", "f", print):
            pass
        inside = "from flows.workspace import workspace\nwith workspace('x', 'r', 'f', print): print('in')"
        told = subprocess.run([sys.executable, "-c", inside], capture_output=True, text=True, check=True, timeout=60)
        assert told.stdout == "in\n"
        words = holder(room.WORKSPACE)
        assert words is not None
        assert words["what"] == "retrain"
    assert holder(room.WORKSPACE) is None
    assert VARIABLE not in os.environ


def test_a_variable_left_over_from_another_run_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    with workspace("pipeline", "r", "f", print):
        assert os.environ[VARIABLE] == str(os.getpid())
