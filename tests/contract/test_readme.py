"""The README's commands do what it says, in the environment of the tests, on tiny parameters."""

from __future__ import annotations

import re
import sys

import pyarrow.parquet as pq
import pytest
from workspaces import ROOT, Workspace

pytestmark = [pytest.mark.slow, pytest.mark.short, pytest.mark.timeout(1800)]

README = (ROOT / "README.md").read_text(encoding="utf-8")
LEFT_OUT = ("make test",)


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    return [line for line in lines if line not in LEFT_OUT]


def on_demo(line: str, items: list[str]) -> str:
    """``line`` with items of the demo in place of MovieLens ones."""
    return line.replace("--history 1,50,260", f"--history {','.join(items[:3])}").replace(
        "--item 1 ", f"--item {items[0]} "
    )


def test_the_readme_names_the_two_commands() -> None:
    assert commands()[0] == "make run"
    assert "make test" in README


def test_every_command_of_the_readme_works(workspace: Workspace) -> None:
    (workspace.root / ".venv").symlink_to(sys.prefix)
    env = {"MAKEFLAGS": "INSTALLED="}  # nothing is installed by a test
    first, *rest = commands()
    run = workspace.run("bash", "-c", first, env=env)
    assert run.returncode == 0, run.stdout
    assert "Report: " in run.stdout
    items = pq.read_table(workspace.root / "data/graph/items.parquet")["item_id"].to_pylist()
    script = "\n".join(["set -e", *(on_demo(line, items) for line in rest)])
    result = workspace.run("bash", "-c", script, env=env)
    assert result.returncode == 0, result.stdout
    top = pq.read_table(workspace.root / "top.parquet").to_pydict()
    assert set(top) == {"user_id", "item_id", "rank", "score"}
    people = pq.read_table(workspace.root / "data/split/people.parquet")["user_id"].to_pylist()
    assert set(top["user_id"]) == set(people)
    page = (workspace.root / "dvc_plots/index.html").read_text(encoding="utf-8")
    assert re.findall(r'<script[^>]* src="([^"]+)"', page) == ["../.work/vega.js"]
    assert (workspace.root / ".work/vega.js").stat().st_size > 500_000


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README))
def test_a_link_of_the_readme_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
