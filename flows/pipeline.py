"""The line as a Prefect flow: one task a stage, ``dvc`` the only cache. ``python -m flows.pipeline`` runs it once."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from functools import partial
from typing import Any, Literal, get_args

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict, Field

from flows.alerts import Kind, on_end, waits
from flows.logs import set_up
from flows.once import once
from flows.process import Stream, streaming
from flows.repro import Sections, command, reason
from flows.step import step
from flows.workspace import workspace
from recsmith.days import day
from recsmith.errors import Unreachable, UserError

Stage = Literal["ingest", "validate", "split", "graph", "baseline", "search", "train", "compress", "evaluate", "report"]
STAGES: tuple[Stage, ...] = get_args(Stage)


class Request(BaseModel):
    """What a run of the flow is asked to do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stages: tuple[Stage, ...] = Field(default=STAGES, min_length=1)
    """Run in the order of the line, whatever the order given."""
    force: bool = False
    """Run stages even where nothing changed."""
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    """Where W&B runs go; ``auto`` is what the environment says, else online with a key and a network."""
    date: datetime.date | None = None
    """The data date, the last day that is read of the event log; without it what is read stays as it is."""
    stage_minutes: float = Field(default=240.0, gt=0)
    """A stage that takes longer is ended, with all that it started."""


set_up()
EVERYTHING = Request()
FETCH_SECONDS = 3600.0
WANDB_HELP = "where W&B runs go (auto: online with a key and a network, else offline)"


def environment(request: Request, run: str, flow_id: str) -> dict[str, str]:
    """What the commands of a run find in their environment."""
    env = os.environ | {"RECSMITH_RUN": run, "RECSMITH_FLOW_RUN": flow_id, "PYTHONUNBUFFERED": "1"}
    if request.wandb != "auto":
        env["WANDB_MODE"] = request.wandb
    return env


def run_name() -> str:
    """The name that ties all stage executions of this run together: ``RECSMITH_RUN``, else the hour and our process."""
    return os.environ.get("RECSMITH_RUN") or f"{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S}-{os.getpid()}"


def _network(task: Any, task_run: Any, state: State[Any]) -> bool:
    return isinstance(state.result(raise_on_failure=False), Unreachable)


@task(retries=2, retry_delay_seconds=[5, 30], retry_condition_fn=_network, cache_policy=NO_CACHE)
def fetch(env: dict[str, str]) -> State[Any]:
    """``recsmith fetch``: the only step that may need a network, so the only one that is tried again."""
    logger, said = get_run_logger(), ["it said nothing"]
    with streaming([sys.executable, "-m", "recsmith", "fetch"], env, FETCH_SECONDS) as stream:
        for line in stream:
            logger.info(line)
            said.append(line)
        if stream.timed_out:
            return Failed(name="TooLong", message=f"longer than {FETCH_SECONDS / 60:g} minutes, ended")
        if stream.status:
            raise (Unreachable if stream.status == Unreachable.status else UserError)(said[-1])
    return Completed()


def reproduce(stage: Stage, request: Request, stream: Stream, sections: Sections) -> State[Any]:
    """Show one stage's part of ``dvc repro`` as a task of its name; its log grows line by line."""

    @task(name=stage, task_run_name=stage, cache_policy=NO_CACHE)
    def follow() -> State[Any]:
        logger, said = get_run_logger(), list[str]()
        stream.limit(request.stage_minutes * 60)
        for line in sections.section(stage):
            logger.info(line)
            said.append(line)
        if stream.timed_out:
            return Failed(name="TooLong", message=f"{stage}: longer than {request.stage_minutes:g} minutes, ended")
        if sections.more or stream.status == 0:
            return Completed(message=stage)
        error = reason(stage, said, stream.status)
        return Failed(name=kind_of(stage, error), message=f"{stage}: {error}")

    return follow(return_state=True)


def kind_of(stage: Stage, error: str) -> Kind:
    """What sort of failure it is: the two that are no defect have names of their own."""
    if stage == "validate" and "cannot be trusted" in error:
        return "DataRejected"
    return "BelowGate" if stage == "compress" and "compress.gate." in error else "Failed"


@flow(name="pipeline", on_failure=[on_end], on_crashed=[on_end])
def pipeline(request: Request = EVERYTHING) -> Any:
    """Bring the asked stages up to date, in order; stop at the first that fails."""
    run, flow_id, logger = run_name(), str(flow_run.id), get_run_logger()
    logger.info("run %s", run)
    with workspace("pipeline", run, flow_id, logger.info, late=partial(waits, "pipeline", flow_id)):
        if request.date and not (state := bound(request, run, flow_id)).is_completed():
            return Failed(name=state.name, message=state.message)
        return line(request, run, flow_id)


def bound(request: Request, run: str, flow_id: str) -> State[Any]:
    """Let the event log be read up to the data date; the state says where there is none to be read."""
    command = ("recsmith", "events", "bound", "--until", str(request.date))
    return step("date", command, environment(request, run, flow_id), request.stage_minutes)


def line(request: Request, run: str, flow_id: str) -> State[Any]:
    """The asked stages, each a task; the state of the first that failed, or Completed."""
    stages: list[Stage] = [stage for stage in STAGES if stage in request.stages]
    env, seconds = environment(request, run, flow_id), request.stage_minutes * 60
    if stages[0] == STAGES[0] and not (state := fetch(env, return_state=True)).is_completed():
        return Failed(name=state.name, message=f"fetch: {state.result(raise_on_failure=False) or state.message}")
    with streaming(command(stages, request.force), env, seconds) as stream:
        sections = Sections(stream)
        for stage in stages:
            state = reproduce(stage, request, stream, sections)
            if not state.is_completed():
                return Failed(name=state.name, message=state.message)
    return Completed(message=f"run {run}: {', '.join(stages)} up to date")


def main(arguments: list[str] | None = None) -> int:
    """Run the flow in this process; the exit status is 1 where a stage failed."""
    parser = argparse.ArgumentParser("python -m flows.pipeline", description="Run the line as a Prefect flow.")
    parser.add_argument(
        "--stages", nargs="+", choices=STAGES, default=STAGES, metavar="STAGE", help=f"some of: {', '.join(STAGES)}"
    )
    parser.add_argument("--force", action="store_true", help="run stages even where nothing changed")
    parser.add_argument(
        "--wandb", choices=get_args(Request.model_fields["wandb"].annotation), default="auto", help=WANDB_HELP
    )
    parser.add_argument("--date", type=day, help="the last day that is read of the event log, e.g. 2026-01-31")
    args = parser.parse_args(arguments)
    request = Request(stages=tuple(args.stages), force=args.force, wandb=args.wandb, date=args.date)
    return 0 if once(pipeline, request).is_completed() else 1


if __name__ == "__main__":
    sys.exit(main())
