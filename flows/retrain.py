"""The nightly retraining as a Prefect flow; ``python -m flows.retrain`` runs it once.

It only says when: ``recsmith events`` takes new events, ``dvc`` runs the line on them, ``recsmith champion`` decides.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict, Field

from flows import pipeline
from flows.alerts import Alert, Kind, command, on_end, send, waits
from flows.once import once
from flows.pipeline import STAGES, WANDB_HELP, Request, Stage, environment, run_name
from flows.step import step
from flows.workspace import workspace
from recsmith.days import day
from recsmith.files import read_json, write_json
from recsmith.output import say

JUDGING: tuple[Stage, ...] = ("ingest", "validate")
"""What says whether new events can be trusted."""
CHOOSING: tuple[Stage, ...] = tuple(stage for stage in STAGES if stage not in JUDGING)
LEARNING: tuple[Stage, ...] = tuple(stage for stage in CHOOSING if stage not in ("baseline", "search"))
"""What a night runs on good data: everything but the choices, which stand until the search is opened again."""
PROMOTED: tuple[Stage, ...] = ("graph", "search", "train", "compress", "evaluate")
"""Whose results a promotion reads or copies."""
WORK = Path(".work/retrain")
CHOICES = Path("data/search/best.json")
KEPT = {"data/events": "log.json", "data/champion": "history.json", "data/incumbent": "incumbent.json"}
"""Folder outside the line -> the file that changes with it."""


class Night(BaseModel):
    """What a nightly run is asked to do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    date: datetime.date | None = None
    """The data date, the last day that is read; without it all events are."""
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    """Where W&B runs go, as in the flow of the line."""
    stage_minutes: float = Field(default=240.0, gt=0)
    """A stage that takes longer is ended, with all that it started."""

    def request(self, stages: Sequence[Stage]) -> Request:
        """The same, of the line."""
        return Request(stages=tuple(stages), wandb=self.wandb, date=self.date, stage_minutes=self.stage_minutes)


TONIGHT = Night()


class Stopped(Exception):
    """A step failed; the message says which, and why, ``name`` of what kind it is."""

    def __init__(self, state: Any) -> None:
        super().__init__(state.message)
        self.name = state.name


class Run:
    """One night: its name, its parameters, and the steps that it is made of."""

    def __init__(self, night: Night) -> None:
        self.night, self.name, self.flow_id = night, run_name(), str(flow_run.id)
        self.env = environment(night.request(STAGES), self.name, self.flow_id)

    def step(self, name: str, *command: str) -> None:
        """Run a command as a task; Stopped where it fails."""
        self._check(step(name, command, self.env, self.night.stage_minutes))

    def found(self) -> dict[str, Any]:
        """What the intake found, as it is after withdrawals."""
        return _read("night.json")

    def suspect(self) -> str | None:
        """The batch that is out of the log until validate has spoken."""
        return _read("suspect.json")["batch"] if (WORK / "suspect.json").exists() else None

    def line(self, stages: Sequence[Stage]) -> None:
        """Bring stages up to date; Stopped at the first that fails."""
        self._check(pipeline.line(self.night.request(stages), self.name, self.flow_id))

    def contest(self) -> dict[str, Any]:
        """Champion against challenger on what the stage evaluate measured, once all files are what DVC says."""
        self.step("intact", "tools.intact", *PROMOTED)
        self.step("contest", "recsmith", "champion", "decide")
        return _read("decision.json")

    def version(self) -> None:
        """Give what lies outside the line to DVC, where it changed since it was last given."""
        found = {folder: _hash(Path(folder, file)) for folder, file in KEPT.items() if Path(folder, file).exists()}
        memory = WORK / "versioned.json"
        if memory.exists() and read_json(memory) == found:
            return
        self.step("version", "dvc", "--wait-for-lock", "add", "--quiet", *found)
        write_json(memory, found)

    @staticmethod
    def _check(state: Any) -> None:
        if not state.is_completed():
            raise Stopped(state)


def _read(name: str) -> Any:
    return read_json(WORK / name)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@flow(name="nightly", on_failure=[on_end], on_crashed=[on_end])
def nightly(night: Night = TONIGHT) -> Any:
    """Take new events, retrain on them, and let the better one serve; where nothing is new, say so."""
    try:
        run = Run(night)
        late = partial(waits, "nightly", run.flow_id)
        with workspace("nightly", run.name, run.flow_id, get_run_logger().info, late=late):
            return Completed(message=_through(run))
    except Stopped as reason:
        return Failed(name=reason.name, message=str(reason))


def _through(run: Run) -> str:
    """All steps of a night; what came of it."""
    until = ["--until", run.night.date.isoformat()] if run.night.date else []
    run.step("take", "recsmith", "events", "take", *until)
    found = run.found()
    if found["rejected"] or found["drift"]:
        _tell(found)
        run.step("told", "recsmith", "night", "told")
    if not found["rows"]:
        run.line(STAGES)
        return "no event log here (recsmith events init makes one): the line is up to date with its source"
    if not found["pending"]:
        run.version()
        return f"nothing new among {found['rows']:,} events; the champion stays"
    withdrawn = _sound(run)
    if withdrawn and not run.found()["pending"]:
        return "nothing new but what was withdrawn; the champion stays"
    run.step("enter", "recsmith", "champion", "enter")
    run.version()
    run.line(LEARNING if CHOICES.exists() and not found["reopening"] else CHOOSING)
    decision = run.contest()
    if decision["reopens"]:
        get_run_logger().warning("the search is opened again, from the last winner")
        run.step("enter again", "recsmith", "champion", "enter")
        run.version()
        run.line(CHOOSING)
        decision = run.contest()
    run.version()
    return f"{decision['action']}: version {decision['version']}; {decision['reason']}"


def _sound(run: Run) -> bool:
    """Bring the line to data that validate passes; whether a batch had to be withdrawn for that."""
    suspect = why = None
    while (broken := _broken(run)) is not None:
        run.step("suspect", "recsmith", "night", "suspect", "--reason", str(broken))
        suspect, why = run.suspect(), broken
        if suspect is None:
            run.version()
            raise broken
    if suspect:
        send(Alert("DataRejected", "nightly", f"withdrew batch {suspect[:12]}: {why}", command(str(flow_run.id))))
    run.step("passed", "recsmith", "night", "passed")
    return suspect is not None


def _broken(run: Run) -> Stopped | None:
    """Why validate does not pass the log as it is now; None where it does."""
    run.version()
    try:
        run.line(JUDGING)
    except Stopped as reason:
        if reason.name == "DataRejected":
            return reason
        raise
    return None


def _tell(found: dict[str, Any]) -> None:
    """Into the log, and to whoever is on call."""
    rejected = [f"take: rejected {name}: {reason}" for name, reason in found["rejected"].items()]
    drifted = [
        f"take: drift of {one['name']}: {one['text']} ({one['value']:.3g}, limit {one['limit']:g})"
        for one in found["drift"].values()
    ]
    for line in (*rejected, *drifted):
        get_run_logger().warning(line)
    told: dict[Kind, list[str]] = {"DataRejected": rejected, "Drift": drifted}
    for kind, lines in told.items():
        if lines:
            send(Alert(kind, "nightly", "; ".join(lines), command(str(flow_run.id))))


def main(arguments: list[str] | None = None) -> int:
    """Run the flow in this process; the exit status is 1 where a step failed."""
    parser = argparse.ArgumentParser("python -m flows.retrain", description="One night of retraining.")
    parser.add_argument("--date", type=day, help="the last day that is read, e.g. 2026-01-31")
    parser.add_argument(
        "--wandb", choices=get_args(Night.model_fields["wandb"].annotation), default="auto", help=WANDB_HELP
    )
    args = parser.parse_args(arguments)
    state = once(nightly, Night(date=args.date, wandb=args.wandb))
    say(str(state.message))
    return 0 if state.is_completed() else 1


if __name__ == "__main__":
    sys.exit(main())
