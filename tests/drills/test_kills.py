"""Killed or stopped at any moment, a run leaves nothing behind, and the next one ends where an undisturbed one ends."""

from __future__ import annotations

import itertools
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import kit
import psutil
import pytest
from kit import Row, Running
from workspaces import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SECONDS = {"split": 2.0, "graph": 1.5, "baseline": 5.0, "train": 4.5, "compress": 4.5, "evaluate": 5.0, "search": 20.0}
"""About how long a tiny stage lives on a quiet machine; it is hurt at a moment drawn from these."""
STAGES = ("split", "graph", "baseline", "train", "compress", "evaluate")
SHORT = (100, 200, 303)
"""Seeds that hurt light stages, by a signal each."""
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)
Note = Callable[[Row], None]


def seeds(target: str, base: int, count: int) -> list[Any]:
    """One case a seed, so that ``-k SEED`` runs it alone."""
    cases = range(base, base + count)
    return [pytest.param(target, seed, marks=[pytest.mark.short] * (seed in SHORT)) for seed in cases]


@pytest.mark.parametrize(
    ("target", "seed"), [*seeds("stage", 100, 12), *seeds("dvc", 200, 12), *seeds("both", 300, 12)]
)
def test_a_hurt_stage_leaves_nothing_and_runs_again(
    target: str, seed: int, finished: Workspace, copy_of: Callable[[Workspace], Workspace], note: Note
) -> None:
    note(_repetition(copy_of(finished), finished, target, seed, STAGES))


def _repetition(workspace: Workspace, finished: Workspace, target: str, seed: int, stages: Sequence[str]) -> Row:
    """One stage, hurt once and run again; the seed decides which stage, by what and when."""
    dice, started, number = kit.dice(seed), time.monotonic(), SIGNALS[seed % len(SIGNALS)]
    stage = dice.choice(stages)
    with kit.tidy(workspace):
        running, moment = _hurt(workspace, target, stage, number, dice.random() * SECONDS[stage])
        resumed = dice.random() < 0.5
        outcome = _stopped(workspace, running, resumed) if number == signal.SIGSTOP else "all ended"
        kit.gone(workspace, running)
        kit.nothing_left(workspace, finished)
        outcome += kit.mended(workspace)
        kit.run(workspace, *kit.repro(stage))
        kit.as_undisturbed(workspace, finished, stage)
    seconds = round(time.monotonic() - started, 1)
    return Row("stage", seed, f"{target} ({stage})", number.name, f"{moment:.2f} s into {stage}", outcome, seconds)


def _hurt(
    workspace: Workspace, target: str, stage: str, number: signal.Signals, moment: float
) -> tuple[Running, float]:
    """Start the stage anew until the moment falls into its life, and send the signal."""
    while True:
        kit.forget(workspace, stage)
        running = kit.start(workspace, *kit.repro(stage))
        if kit.wait_for(lambda: kit.find(workspace, f"stages.{stage}"), running):
            time.sleep(moment)
            if targets := _targets(workspace, target, stage):
                for process in targets:
                    process.send_signal(number)
                return running, moment
        kit.gone(workspace, running)
        moment /= 2


def _targets(workspace: Workspace, target: str, stage: str) -> list[psutil.Process]:
    """Who is hurt, the parent first; empty where one of them is gone already."""
    words = {"dvc": ("dvc", "repro"), "stage": (f"stages.{stage}",)}
    found = [kit.find(workspace, *those) for name, those in words.items() if target in (name, "both")]
    return [process for process in found if process] if all(found) else []


def _stopped(workspace: Workspace, running: Running, resumed: bool) -> str:
    """While it stands still a second run is refused and told by whom; then it goes on, or all of it is killed."""
    second = workspace.run(*kit.repro("graph"))
    assert second.returncode != 0, second.stdout
    assert f"PID {running.child.pid}" in second.stdout
    for process in kit.processes(workspace):
        process.send_signal(signal.SIGCONT if resumed else signal.SIGKILL)
    status = running.child.wait(kit.PATIENCE)
    assert (status == 0) == resumed, running.output
    return "second run refused, resumed to the end" if resumed else "second run refused, then killed"


@pytest.mark.parametrize(("target", "seed"), [*seeds("stage", 400, 2), *seeds("both", 500, 2)])
def test_a_hurt_search_leaves_no_service_and_runs_again(
    target: str, seed: int, finished: Workspace, copy_of: Callable[[Workspace], Workspace], note: Note
) -> None:
    note(_repetition(copy_of(finished), finished, target, seed, ["search"]))


def test_a_line_killed_again_and_again_comes_to_its_end(
    finished: Workspace, copy_of: Callable[[Workspace], Workspace], note: Note
) -> None:
    workspace = copy_of(finished)
    kit.forget(workspace, *finished.lock())
    for seed in itertools.count(600):
        # Later and later: a busy machine may need minutes for the first trial of a search.
        started, moment = time.monotonic(), 3 + 20 * 1.1 ** (seed - 600) * kit.dice(seed).random()
        with kit.tidy(workspace):
            running = kit.start(workspace, "dvc", "repro")
            with suppress(subprocess.TimeoutExpired):
                running.child.wait(moment)
            if running.over():
                break
            for process in kit.processes(workspace):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            kit.gone(workspace, running)
            kit.nothing_left(workspace, finished)
        outcome, seconds = "all ended" + kit.mended(workspace), round(time.monotonic() - started, 1)
        note(Row("line", seed, "everything", "SIGKILL", f"{moment:.1f} s into the line", outcome, seconds))
    assert running.child.returncode == 0, running.output
    kit.as_undisturbed(workspace, finished)
