"""The commands of docs/operations.md, run as they stand there."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from small_projects import ROOT, WHO
from workspaces import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.short, pytest.mark.timeout(1800)]
PART = re.compile(r"<!-- experiments -->\n```sh\n(.*?)```", re.DOTALL)
SHORT = 3
"""So many commands in the short form: no queue."""


def test_experiments_run_as_documented(
    finished: Workspace, copy_of: Callable[[Workspace], Workspace], full: bool
) -> None:
    found = PART.search((ROOT / "docs/operations.md").read_text(encoding="utf-8"))
    assert found
    commands = found[1].splitlines()
    workspace = copy_of(finished)
    for words in ("add -A", "commit -qm results"):
        assert workspace.run("git", *WHO, *words.split()).returncode == 0
    who = {f"GIT_{role}_{what}": "t@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    output = ""
    for command in commands if full else commands[:SHORT]:
        result = workspace.run(*command.split(), env=who)
        assert result.returncode == 0, f"{command}\n{result.stdout}"
        output += result.stdout
    assert "four-people" in output
    expected = "users: 5" if full else "users: 4"
    assert expected in (workspace.root / "params.yaml").read_text(encoding="utf-8")
