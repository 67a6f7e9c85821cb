"""Killed or stopped at any moment, a run leaves nothing behind, and the next one ends where an undisturbed one ends."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import kit
import psutil
import pytest
from kit import Row, Running
from retrain.nights import BAD, flood, more_events
from workspaces import Workspace

from benchmarks.service import receiver

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
    for row in _killed_until_it_ends(workspace, "line", 600, "dvc", "repro"):
        note(row)
        kit.nothing_left(workspace, finished)
    kit.as_undisturbed(workspace, finished)


def _killed_until_it_ends(workspace: Workspace, what: str, seed: int, *command: str, **env: str) -> Iterator[Row]:
    """Start a command again and again, and kill all of it at a moment drawn from seeds; a row for each time.

    Later and later: a busy machine may need minutes for the first trial of a search.
    """
    for number in itertools.count():
        started, moment = time.monotonic(), 3 + 20 * 1.1**number * kit.dice(seed + number).random()
        with kit.tidy(workspace):
            running = kit.start(workspace, *command, env=env)
            with suppress(subprocess.TimeoutExpired):
                running.child.wait(moment)
            if running.over():
                assert running.child.returncode == 0, running.output
                return
            for process in kit.processes(workspace):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            kit.gone(workspace, running)
        outcome, seconds = "all ended" + kit.mended(workspace), round(time.monotonic() - started, 1)
        yield Row(what, seed + number, "everything", "SIGKILL", f"{moment:.1f} s into the {what}", outcome, seconds)


def test_a_night_killed_again_and_again_blames_the_bad_batch_alone_and_tells_of_all(
    finished: Workspace, copy_of: Callable[[Workspace], Workspace], note: Note
) -> None:
    workspace = copy_of(finished)
    kit.run(workspace, "python", "-m", "recsmith", "champion", "decide")
    kit.run(workspace, "python", "-m", "recsmith", "events", "init")
    workspace.change({"retrain": {"inbox": {"settle_seconds": 0.0}}})
    workspace.change({"validate": {"checks": {"users_under_k": "critical"}}})
    inbox = workspace.root / "data/inbox"
    inbox.mkdir()
    for name, text in (("a-flood.csv", flood()), ("b-good.csv", more_events()), ("c-bad.csv", BAD)):
        (inbox / name).write_text(text, encoding="utf-8")
    before = _log(workspace)
    with receiver() as alerts:
        for seed in (700, 800):  # the second night takes what the first has offered again
            for row in _killed_until_it_ends(
                workspace, "night", seed, "python", "-m", "flows.retrain", RECSMITH_ALERTS=alerts.url
            ):
                note(row)
                assert not kit.taken(workspace)
    after, told = _log(workspace), [body["text"] for _, body in alerts.got]
    assert [batch["name"] for batch in after["batches"]] == [
        *(batch["name"] for batch in before["batches"]),
        "b-good.csv",
    ]
    assert [batch["name"] for batch in after["withdrawn"]] == ["a-flood.csv"]
    assert sum(part["rows"] for part in after["parts"]) == sum(part["rows"] for part in before["parts"]) + 120
    assert sorted(path.name.partition("-")[2] for path in (inbox / "rejected").iterdir()) == [
        "a-flood.csv",
        "a-flood.csv.reason.txt",
        "c-bad.csv",
        "c-bad.csv.reason.txt",
    ]
    assert any("take: rejected c-bad.csv" in text for text in told)
    assert any(f"withdrew batch {after['withdrawn'][0]['batch'][:12]}" in text for text in told)
    kit.run(workspace, "python", "-m", "recsmith", "events", "check")
    history = json.loads((workspace.root / "data/champion/history.json").read_text(encoding="utf-8"))
    held = [entry["events"] for entry in history["entries"]]
    assert len(set(held)) == len(held), "one contest a state of the log, however often its night was killed"


def _log(workspace: Workspace) -> dict[str, Any]:
    return json.loads((workspace.root / "data/events/log.json").read_text(encoding="utf-8"))
