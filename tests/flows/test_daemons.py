"""A daemon's log tells of the starts before the present one, too."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import daemons


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder of its own, where nothing is left running."""
    monkeypatch.chdir(tmp_path)
    yield
    daemons.stop_all()


def start_and_wait(words: str) -> None:
    """A daemon that says this and ends."""
    mark = {daemons.MARK: f"daemons-{os.getpid()}"}
    daemons.launch("server", [sys.executable, "-c", f"print({words!r})"], os.environ | mark).wait(60)


def test_a_new_start_leaves_what_the_one_before_said() -> None:
    start_and_wait("no space left on device")
    start_and_wait("ready")
    lines = daemons.log("server").read_text(encoding="utf-8").splitlines()
    assert lines[1::2] == ["no space left on device", "ready"]
    assert all(line.startswith("--- server: a new start at 20") for line in lines[::2])


def test_a_long_log_is_cut_to_its_last_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "KEPT", 100)
    daemons.STATE.mkdir(parents=True)
    daemons.log("server").write_text("".join(f"line {number:03d} of before\n" for number in range(900)))
    start_and_wait("ready")
    kept = daemons.log("server").read_text(encoding="utf-8").splitlines()
    assert kept[:-2] == [f"line {number:03d} of before" for number in range(895, 900)]
    assert kept[-1] == "ready"
