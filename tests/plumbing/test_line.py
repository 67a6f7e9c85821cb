"""The whole line: what is done again after a change, and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from workspaces import Workspace

from stages._stage import STAGES

pytestmark = [pytest.mark.slow, pytest.mark.short, pytest.mark.timeout(1800)]
Copy = Callable[[Workspace], Workspace]


def changed(workspace: Workspace) -> set[str]:
    status = workspace.run("dvc", "status", "--json")
    assert status.returncode == 0, status.stdout
    return set(json.loads(status.stdout))


def test_the_stages_ran_in_order_and_each_said_how_it_went(finished: Workspace) -> None:
    output = (finished.root / "finished.txt").read_text(encoding="utf-8")
    places = [output.index(f"Running stage '{name}'") for name in STAGES]
    assert places == sorted(places)
    assert all(f"{name}: done in" in output for name in STAGES)


def test_nothing_changed_means_nothing_runs(finished: Workspace, copy_of: Copy) -> None:
    again = copy_of(finished).line()
    assert "Running stage" not in again
    assert "up to date" in again


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ({"report": {"users": 3}}, "report"),
        ({"compress": {"pruner": "L1"}}, "compress"),
        ({"validate": {"k": 4}}, "validate"),
        ({"search": {"trials": 3}}, "search"),
    ],
)
def test_a_changed_knob_touches_its_stage_and_none_before_it(
    finished: Workspace, copy_of: Copy, change: Mapping[str, Any], first: str
) -> None:
    workspace = copy_of(finished)
    assert changed(workspace) == set()
    workspace.change(change)
    touched = changed(workspace)
    assert first in touched
    assert touched.isdisjoint(STAGES[: STAGES.index(first)])


def test_a_changed_source_is_seen(finished: Workspace, copy_of: Copy) -> None:
    workspace = copy_of(finished)
    (workspace.root / "data/raw/more.csv").write_text("1,2\n", encoding="utf-8")
    assert "ingest" in changed(workspace)


def test_a_failure_keeps_its_message_last_and_leaves_no_half_written_out(finished: Workspace, copy_of: Copy) -> None:
    workspace = copy_of(finished)
    workspace.change({"split": {"method": "alphabetical"}})
    result = workspace.run("dvc", "repro")
    assert result.returncode != 0
    assert "split: params.yaml: split.method = 'alphabetical'" in result.stdout
    assert "Traceback" not in result.stdout
    assert not any(path.suffix == ".parquet" for path in (workspace.root / "data/split").glob("*"))


def test_every_stage_of_a_run_names_the_same_run(finished: Workspace) -> None:
    runs = [json.loads((finished.root / f"data/{name}/run.json").read_text(encoding="utf-8")) for name in STAGES]
    assert len({run["run"] for run in runs}) == 1
