"""One entrance to all drivers of a search: which of them runs a strategy is written in its table."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from recsmith.errors import UserError
from recsmith.search import nni_experiment
from recsmith.search.refine import rounds
from recsmith.search.store import Answer
from recsmith.search.strategies import OWN_RUNGS, STRATEGIES, able, named
from recsmith.search.task import LEARNT, Task

Say = Callable[[str], None]


def _in_process(task: Task, work: Path, say: Say) -> list[Answer]:
    # Imported late: torch and nni.nas take seconds to load.
    from recsmith.search.nas import multi_trial

    return multi_trial.search(task, say)


def _one_shot(task: Task, work: Path, say: Say) -> list[Answer]:
    from recsmith.search.nas import one_shot

    return one_shot.search(task, say)


DRIVERS: dict[str, Callable[[Task, Path, Say], list[Answer]]] = {
    "tuner": nni_experiment.search,
    "nas": _in_process,
    "one_shot": _one_shot,
}
"""Who runs the strategies, by the word in their table."""


def search(task: Task, work: Path, say: Say) -> list[Answer]:
    """All answers in the order of the proposals; ``work`` is the folder of all searches of this workspace.

    Raises UserError where the search cannot be kept going.
    """
    check(task)
    driver = DRIVERS[STRATEGIES[task.strategy].driver]
    answers = rounds(task, lambda one: driver(one, work, say), say) if task.refine else driver(task, work, say)
    # Nobody inherits any more; an interrupted search comes back to what it has.
    shutil.rmtree(Path(task.folder) / LEARNT, ignore_errors=True)
    return answers


def check(task: Task) -> None:
    """UserError where the strategy cannot take the space or the nodes."""
    families, cuts = task.space.families, task.budget.cuts
    # A part of the edges makes filters cheaper too.
    fewer_edges = STRATEGIES[task.strategy].driver == "tuner" and cuts == "edges"
    if task.strategy not in able(families) and not fewer_edges:
        raise UserError(
            f"params.yaml: search.strategy = {task.strategy!r} is for networks, and the space holds filters only. "
            f"Take one of {', '.join(able(families))}, or add gnn to params.yaml: search.space.families."
        )
    if task.nodes and STRATEGIES[task.strategy].driver != "tuner":
        raise UserError(
            f"params.yaml: search.nodes: the strategy {task.strategy} trains in this process and uses no nodes. Those "
            f"that do: {', '.join(named('tuner'))} (search.strategy)."
        )
    if task.earlier and STRATEGIES[task.strategy].driver != "tuner":
        raise UserError(
            f"params.yaml: search.warm_start: the strategy {task.strategy} takes no settings of others. Remove the "
            f"earlier searches, or take one of {', '.join(named('tuner'))} (search.strategy)."
        )
    if task.inherit:
        _check_inheritance(task)
    if task.rungs.shares:
        _check_rungs(task.strategy, STRATEGIES[task.strategy].driver)


def _check_inheritance(task: Task) -> None:
    if task.nodes:
        raise UserError(
            "params.yaml: search.inherit: weights are not sent between machines. Set it to false, or remove "
            "search.nodes."
        )
    if STRATEGIES[task.strategy].driver == "one_shot":
        fit = ", ".join([*named("tuner"), *named("nas")])
        raise UserError(
            f"params.yaml: search.inherit: {task.strategy} shares weights in a supernet and trains its trials from "
            f"scratch. Set it to false, or take one of {fit} (search.strategy)."
        )


def _check_rungs(strategy: str, driver: str) -> None:
    fit = [name for name in named("tuner") if name not in OWN_RUNGS]
    if strategy not in fit:
        why = "cuts the budget itself" if strategy in OWN_RUNGS else "gives every trial the whole budget"
        raise UserError(
            f"params.yaml: search.rungs.shares: the strategy {strategy} {why}. Remove the shares, or take one of "
            f"{', '.join(fit)} (search.strategy)."
        )
