"""Killed anywhere and run again, the line ends where an undisturbed one ends."""

from __future__ import annotations

import os
import signal

import pytest
from workspaces import Workspace

MOMENTS = {
    "split": "Running stage 'split'",
    "baseline": "Running stage 'baseline'",
    "search": "Running stage 'search'",
    "train": "Running stage 'train'",
    "compress": "Running stage 'compress'",
    "evaluate": "Running stage 'evaluate'",
}

pytestmark = [pytest.mark.slow, pytest.mark.short, pytest.mark.timeout(1800)]


def kill_at(workspace: Workspace, moment: str) -> str:
    """Start the line, SIGKILL its whole group as soon as ``moment`` is printed; the output until then."""
    child = workspace.start("dvc", "repro")
    assert child.stdout is not None
    seen = ""
    for line in child.stdout:
        seen += line
        if moment in line:
            break
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    return seen


def test_a_killed_line_ends_with_the_same_md5s(finished: Workspace, workspace: Workspace, full: bool) -> None:
    assert workspace.run("python", "-m", "recsmith", "fetch").returncode == 0
    for stage in MOMENTS if full else ("search",):
        assert MOMENTS[stage] in kill_at(workspace, MOMENTS[stage])
    workspace.line()
    first, again = finished.lock(), workspace.lock()
    assert {name: again[name] for name in first if name != "report"} == {
        name: outs for name, outs in first.items() if name != "report"
    }
