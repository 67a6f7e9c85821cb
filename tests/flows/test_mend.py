"""What makes DVC refuse every command is put right: half a list of locks, a copy that is not under git."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flows.mend import LIST, mend


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    LIST.parent.mkdir(parents=True)


def told() -> list[str]:
    said: list[str] = []
    mend(said.append)
    return said


@pytest.mark.parametrize("content", [b"", b'{"read": {"data/in', b"\xff\xfe"])
def test_half_a_list_is_removed_and_told(content: bytes) -> None:
    LIST.write_bytes(content)
    assert told() == [f"{LIST} was cut off (a full disk, a kill) and no dvc works here: removed."]
    assert not LIST.exists()


def test_a_whole_list_and_none_are_left_as_they_are() -> None:
    assert told() == []
    LIST.write_text('{"read": {}}', encoding="utf-8")
    assert told() == []
    assert LIST.exists()


def test_a_list_that_a_dvc_may_be_writing_is_left_to_it(tmp_path: Path) -> None:
    LIST.touch()
    (tmp_path / "dvc").write_text("print('in', flush=True)\ninput()", encoding="utf-8")  # known by its name
    with subprocess.Popen([sys.executable, "dvc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as line:
        assert line.stdout is not None
        assert line.stdout.readline() == b"in\n"
        assert told() == []
        line.communicate(b"\n")
    assert told()


def test_a_copy_without_git_is_told_to_dvc_once_and_one_under_git_never(tmp_path: Path) -> None:
    (tmp_path / ".dvc/config").write_text("[core]\n    analytics = false\n", encoding="utf-8")
    status = [sys.executable, "-m", "dvc", "status"]
    assert subprocess.run(status, check=False, capture_output=True).returncode != 0
    assert "dvc config --local core.no_scm true" in told()[0]
    assert subprocess.run(status, check=False, capture_output=True).returncode == 0
    assert told() == []
    (tmp_path / ".dvc/config.local").unlink()
    (tmp_path / ".git").mkdir()
    assert told() == []
