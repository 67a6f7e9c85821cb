"""A reader that leaves early (``head``) ends no command's work, and nobody sees a traceback for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORK = """
from pathlib import Path
from recsmith.output import say
for number in range(3):
    say(f"step {number}")
Path("done").touch()
"""


def unread(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Python with these words, its output a pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [sys.executable, *words],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )
    finally:
        os.close(writer)


def test_work_goes_on_to_its_end_where_nobody_reads(tmp_path: Path) -> None:
    done = unread(tmp_path, "-c", WORK)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("command", ["flows.service status", "flows.service down", "tools.deps validate"])
def test_a_command_that_nobody_reads_ends_without_a_word(tmp_path: Path, command: str) -> None:
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    done = unread(tmp_path, "-m", *command.split())
    assert (done.returncode, done.stderr) == (0, "")


def test_errors_are_told_though_nobody_reads_the_output(tmp_path: Path) -> None:
    done = unread(tmp_path, "-m", "tools.results")
    assert (done.returncode, done.stderr) == (1, "results: there are no results yet: `make run` makes them.\n")
