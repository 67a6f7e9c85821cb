"""A command's whole tree ends with it, whatever ends it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flows.process import streaming

TREE = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session={apart})
print("child", child.pid, flush=True)
time.sleep(300)
"""


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("apart", [False, True])
def test_an_error_in_the_reader_ends_children_even_in_sessions_of_their_own(apart: bool) -> None:
    pid = 0

    def read() -> None:
        nonlocal pid
        with streaming([sys.executable, "-c", TREE.format(apart=apart)], os.environ, 60) as stream:
            for line in stream:
                pid = int(line.split()[1])
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read()
    assert gone(pid)


@pytest.mark.parametrize("seconds", [0.0, 0.5], ids=["before it has started", "while it runs"])
def test_the_clock_ends_a_silent_command(seconds: float) -> None:
    start = time.perf_counter()
    with streaming([sys.executable, "-c", "import time; time.sleep(300)"], os.environ, seconds) as stream:
        assert list(stream) == []
        assert stream.timed_out
    assert time.perf_counter() - start < 200


def test_lines_come_as_they_are_printed_and_the_status_is_the_commands(tmp_path: Path) -> None:
    flag = tmp_path / "seen"
    code = (
        "import pathlib, sys, time\nprint('first', flush=True)\n"
        f"while not pathlib.Path({str(flag)!r}).exists(): time.sleep(0.02)\nsys.exit(3)"
    )
    with streaming([sys.executable, "-c", code], os.environ, 60) as stream:
        for line in stream:
            assert line == "first"
            flag.touch()
        assert stream.status == 3


def test_a_command_that_ignores_the_polite_signal_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.process.GRACE_SECONDS", 0.5)
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(300)"
    )
    with streaming([sys.executable, "-c", code], os.environ, 60) as stream:
        assert next(iter(stream)) == "deaf"
    assert stream.status in (128 + 9, -9)  # the command's as its guard tells it, or the guard's own


def test_a_killed_flow_leaves_nothing_running() -> None:
    code = (
        "import os, sys\nfrom flows.process import streaming\n"
        f"with streaming([sys.executable, '-c', {TREE.format(apart=True)!r}], os.environ, 60) as stream:\n"
        "    for line in stream:\n        print(line, flush=True)\n"
    )
    flow = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert flow.stdout is not None
    pid = int(flow.stdout.readline().split()[1])
    flow.kill()
    flow.communicate()
    assert gone(pid)


def test_a_killed_command_leaves_no_children_either() -> None:
    with streaming([sys.executable, "-c", TREE.format(apart=True)], os.environ, 60) as stream:
        lines = iter(stream)
        pid = int(next(lines).split()[1])
        parent = psutil.Process(pid).parent()
        assert parent is not None
        parent.kill()
        assert list(lines) == []
        assert stream.status == 128 + 9
    assert gone(pid)
