"""The line as a Prefect flow: one task a stage, ``dvc`` the only cache. ``python -m flows.pipeline`` runs it once."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from typing import Any, Literal, get_args

from prefect import flow, get_run_logger, task
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict, Field

from flows.process import streaming
from flows.workspace import workspace

Stage = Literal["ingest", "validate", "split", "graph", "baseline", "search", "train", "compress", "evaluate", "report"]
STAGES: tuple[Stage, ...] = get_args(Stage)


class Request(BaseModel):
    """What a run of the flow is asked to do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stages: tuple[Stage, ...] = STAGES
    """Run in the order of the line, whatever the order given."""
    force: bool = False
    """Run stages even where nothing changed."""
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    """Where W&B runs go; ``auto`` is what the environment says, else online with a key and a network."""
    date: datetime.date | None = None
    """The data date: what happened later is left out by whatever takes in new events."""
    stage_minutes: float = Field(default=240.0, gt=0)
    """A stage that takes longer is ended, with all that it started."""


EVERYTHING = Request()


def environment(request: Request, run: str, flow_id: str) -> dict[str, str]:
    """What the commands of a run find in their environment."""
    env = os.environ | {"RECSMITH_RUN": run, "RECSMITH_FLOW_RUN": flow_id, "PYTHONUNBUFFERED": "1"}
    if request.wandb != "auto":
        env["WANDB_MODE"] = request.wandb
    if request.date:
        env["RECSMITH_DATE"] = request.date.isoformat()
    return env


def run_name() -> str:
    """The name that ties all stage executions of this run together: ``RECSMITH_RUN``, else the hour and our process."""
    return os.environ.get("RECSMITH_RUN") or f"{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S}-{os.getpid()}"


@task
def reproduce(stage: Stage, request: Request, run: str, flow_id: str) -> Any:
    """``dvc repro`` of one stage; its output goes to the task's log as it comes."""
    env = environment(request, run, flow_id)
    logger = get_run_logger()
    with streaming(command(stage, request.force), env, request.stage_minutes * 60) as stream:
        for line in stream:
            logger.info(line)
        if stream.timed_out:
            return Failed(message=f"{stage} took longer than {request.stage_minutes:g} minutes and was ended")
        status = stream.status
    return Completed(message=stage) if status == 0 else Failed(message=f"{stage} failed; its log says why")


def command(stage: Stage, force: bool) -> list[str]:
    """The command line of one stage; waits where another repro holds the lock."""
    repro = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", stage]
    return [*repro, "--force"] if force else repro


@flow(name="pipeline")
def pipeline(request: Request = EVERYTHING) -> Any:
    """Bring the asked stages up to date, in order; stop at the first that fails."""
    run, flow_id, logger = run_name(), str(flow_run.id), get_run_logger()
    logger.info("run %s", run)
    with workspace("pipeline", run, flow_id, logger.info):
        for stage in (name for name in STAGES if name in request.stages):
            step = reproduce.with_options(name=stage, task_run_name=stage)
            state = step(stage, request, run, flow_id, return_state=True)
            if not state.is_completed():
                return Failed(message=state.message)
    return Completed(message=f"run {run}: {', '.join(request.stages)} up to date")


def main(arguments: list[str] | None = None) -> int:
    """Run the flow in this process; the exit status is 1 where a stage failed."""
    parser = argparse.ArgumentParser("python -m flows.pipeline", description="Run the line as a Prefect flow.")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES, metavar="STAGE")
    parser.add_argument("--force", action="store_true", help="run stages even where nothing changed")
    parser.add_argument("--wandb", choices=get_args(Request.model_fields["wandb"].annotation), default="auto")
    args = parser.parse_args(arguments)
    request = Request(stages=tuple(args.stages), force=args.force, wandb=args.wandb)
    state = pipeline(request, return_state=True)
    return 0 if state.is_completed() else 1


if __name__ == "__main__":
    sys.exit(main())
