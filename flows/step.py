"""One command as a task of a flow: what it prints is the task's log, and its last words the reason where it fails."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, Failed

from flows.process import streaming
from flows.repro import reason


def step(name: str, command: Sequence[str], env: Mapping[str, str], minutes: float) -> Any:
    """The state of ``python -m COMMAND`` as a task called ``name``; after ``minutes`` it is ended."""

    @task(name=name, task_run_name=name, cache_policy=NO_CACHE)
    def follow() -> Any:
        logger, said = get_run_logger(), ["it said nothing"]
        with streaming([sys.executable, "-m", *command], env, minutes * 60) as stream:
            for line in stream:
                logger.info(line)
                said.append(line)
            if stream.timed_out:
                return Failed(name="TooLong", message=f"{name}: longer than {minutes:g} minutes, ended")
            status = stream.status
        return Completed(message=name) if status == 0 else Failed(message=f"{name}: {_why(name, said)}")

    return follow(return_state=True)


def _why(name: str, said: Sequence[str]) -> str:
    """All that a step said from where it last spoke in its own name, else its last line."""
    return reason(name, said) if any(line.startswith(f"{name}: ") for line in said) else said[-1]
