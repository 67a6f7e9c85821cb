"""Prefect is hurt in the middle of a run, nights overlap, results rot between the line and the contest."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import kit
import psutil
import pytest
from kit import Row, Running
from retrain.nights import more_events
from workspaces import Workspace

from benchmarks.service import Service, until, up
from recsmith import locks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), pytest.mark.xdist_group("prefect")]
STAGES = ("train", "compress", "evaluate")
HURTS = [
    ("worker", signal.SIGKILL),
    ("worker", signal.SIGTERM),
    ("worker", signal.SIGSTOP),
    ("server", signal.SIGKILL),
    ("server", signal.SIGTERM),
    ("server", signal.SIGSTOP),
    ("flow", signal.SIGKILL),
    ("flow", signal.SIGTERM),
]
OF_RUNS = {"dvc", "flows.guard", *(f"stages.{stage}" for stage in STAGES)}
Note = Callable[[Row], None]


@pytest.fixture(scope="module")
def service(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Server and worker, up in a workspace where the line has run."""
    workspace = Workspace(tmp_path_factory.mktemp("prefect") / "project")
    shutil.copytree(finished.root, workspace.root, symlinks=True)
    with kit.tidy(workspace), up(workspace.root, workspace.env) as found:
        yield found


@pytest.mark.parametrize(("target", "number"), HURTS)
def test_a_hurt_run_leaves_nothing_and_the_next_one_completes(
    target: str, number: signal.Signals, service: Service, finished: Workspace, note: Note
) -> None:
    workspace, seed, started = Workspace(service.root), 1000 + HURTS.index((target, number)), time.monotonic()
    dice = kit.dice(seed)
    stage = dice.choice(STAGES)
    kit.forget(workspace, stage)
    run = service.run("pipeline/pipeline", stages=[stage])
    until(lambda: kit.find(workspace, f"stages.{stage}"))
    moment = 3 * dice.random()
    time.sleep(moment)
    hurt = _process(workspace, target)
    hurt.send_signal(number)
    if number == signal.SIGSTOP:
        time.sleep(5)
        hurt.send_signal(signal.SIGCONT)
        assert service.finished(run)["type"] == "COMPLETED"
    until(lambda: not _of_runs(workspace))
    again = service.command("up")
    assert again.returncode == 0, again.stdout
    kit.nothing_left(workspace, finished)
    assert service.finished(service.run("pipeline/pipeline", stages=[stage]))["type"] == "COMPLETED"
    kit.as_undisturbed(workspace, finished, stage)
    ended, seconds = service.finished(run)["name"], round(time.monotonic() - started, 1)
    outcome = f"the hurt run ended {ended}, the next one completed"
    note(Row("prefect", seed, target, number.name, f"{moment:.2f} s into {stage}", outcome, seconds))


def _process(workspace: Workspace, target: str) -> psutil.Process:
    """Server or worker by the note of ``make up``; the flow is whoever started the guard of the line."""
    if target == "flow":
        guard = until(lambda: kit.find(workspace, "flows.guard"))
        flow = guard.parent()
        assert flow is not None
        return flow
    name = {"server": "server", "worker": "worker-local-process"}[target]
    note = json.loads((workspace.root / f".work/prefect/{name}.json").read_text(encoding="utf-8"))
    return psutil.Process(note["pid"])


def _of_runs(workspace: Workspace) -> list[psutil.Process]:
    """What runs started."""
    return [process for process in kit.processes(workspace) if OF_RUNS & kit.words_of(process)]


def test_a_night_promotes_nothing_rotten_and_a_second_one_waits_for_the_first(
    service: Service, finished: Workspace, copy_of: Callable[[Workspace], Workspace], note: Note
) -> None:
    workspace, started = copy_of(finished), time.monotonic()
    kit.run(workspace, "python", "-m", "recsmith", "champion", "decide")
    kit.run(workspace, "python", "-m", "recsmith", "events", "init")
    workspace.change({"retrain": {"inbox": {"settle_seconds": 0.0}}})
    (workspace.root / "data/inbox").mkdir()
    (workspace.root / "data/inbox/new.csv").write_text(more_events(), encoding="utf-8")
    with kit.tidy(workspace):
        rotten = _rotting_night(workspace, service)
        seconds = round(time.monotonic() - started, 1)
        note(Row("cache", 1100, f"compress {rotten}", "one bit", "before the contest", "named, not promoted", seconds))
        started = time.monotonic()
        first, second = _two_nights(workspace, service)
    assert f"waiting for process {first.child.pid} (nightly, run " in second.output
    assert "nothing new among" in second.output
    assert len(_history(workspace)) == 2, "one contest, whoever held it"
    kit.gone(workspace)
    assert not kit.taken(workspace)
    seconds = round(time.monotonic() - started, 1)
    note(
        Row(
            "nights", 1101, "two nights", "overlap", "second while the first", "the second waited, one contest", seconds
        )
    )


def _history(workspace: Workspace) -> list[dict[str, Any]]:
    return json.loads((workspace.root / "data/champion/history.json").read_text(encoding="utf-8"))["entries"]


def _night(workspace: Workspace, service: Service) -> Running:
    return kit.start(workspace, "python", "-m", "flows.retrain", env={"PREFECT_API_URL": service.api})


def _rotting_night(workspace: Workspace, service: Service) -> str:
    """A night in which an object of the bundle rots after it was made; mended, so that the next night goes on."""
    night = _night(workspace, service)
    assert kit.wait_for(lambda: kit.find(workspace, "stages.report"), night, 600), night.output
    md5 = next(md5 for path, md5 in sorted(workspace.lock()["compress"].items()) if not md5.endswith(".dir"))
    rotten = workspace.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    content = rotten.read_bytes()
    rotten.chmod(0o644)
    rotten.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert night.child.wait(600) == 1, night.output
    told = night.output.splitlines()[-1]
    assert told.startswith("intact: 1 damaged"), night.output
    assert f"{md5[:2]}/{md5[2:]}" in told
    assert len(_history(workspace)) == 1, "promoted over a rotten object"
    rotten.write_bytes(content)
    return md5[:8]


def _two_nights(workspace: Workspace, service: Service) -> tuple[Running, Running]:
    """The second starts while the first holds the workspace; both end well."""
    first = _night(workspace, service)
    assert kit.wait_for(lambda: locks.holder(workspace.root / ".work/locks/workspace.lock"), first, 600), first.output
    second = _night(workspace, service)
    for night in (first, second):
        assert night.child.wait(600) == 0, night.output
    return first, second
