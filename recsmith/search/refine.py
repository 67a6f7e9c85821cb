"""A search in two rounds: a coarse one over the whole space, then one over the part of it that did well.

Knobs keep the values of the best quarter of the trials, those that decide most (:mod:`recsmith.search.importance`)
first; then those that decide little are set to the best trial's value. This ends where the space would become too small
for the trials that are left: few trials were good by luck too. The trials of both rounds stand beside each other, so
that the crown is never lower than the coarse round's, and share one budget.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from recsmith.config.search import Space
from recsmith.search.importance import FEWEST, importance
from recsmith.search.space import SearchSpace
from recsmith.search.store import Answer
from recsmith.search.task import Task
from recsmith.search.tree import FIDELITY, flat, knobs_of

LITTLE = 0.02
"""Share of the importance below which a knob is set."""
BEST = 4
"""One of so many trials counts as having done well."""
ROOM = 5
"""The narrowed space holds at least so many candidates for each trial that is left."""
FIELDS = {"family": "families", "operator": "operators", "kind": "filters", "main": "mixtures"}
"""Knobs that have another name in the parameters."""
Say = Callable[[str], None]


def rounds(task: Task, run: Callable[[Task], list[Answer]], say: Say) -> list[Answer]:
    """All answers of both rounds, numbered through; of one over the whole space where the first says too little."""
    first, started = math.ceil(task.refine * task.trials), time.monotonic()
    coarse = run(task.model_copy(update={"trials": first}))
    done = [answer for answer in coarse if answer.value > 0 and answer.parameters.get(FIDELITY, 1.0) == 1.0]
    if len(done) < FEWEST or first >= task.trials:
        say(f"{len(done)} finished trials are too few to narrow the space by ({FEWEST} are due); it stays as it is")
        return run(task)  # What the first round tried is known and answered at once.
    rows, values = [flat(knobs_of(one.parameters)) for one in done], [one.value for one in done]
    space = narrowed(task.space, rows, values, ROOM * (task.trials - first))
    before, after = SearchSpace(task.space).size, SearchSpace(space).size
    if before == after:
        say(f"a space of {before:,} candidates is too small to be narrowed for the trials that are left")
        return run(task)
    say(f"the space is narrowed from {before:,} to {after:,} candidates by what {len(done)} trials have shown")
    rest = _rest(task, coarse, time.monotonic() - started)
    if rest is None:
        return coarse
    fine = run(
        rest.model_copy(update={"space": space, "trials": min(rest.trials, after), "published": 0, "earlier": ()})
    )
    return [*coarse, *(one.model_copy(update={"number": one.number + len(coarse)}) for one in fine)]


def _rest(task: Task, spent: Sequence[Answer], seconds: float) -> Task | None:
    """The task with what the coarse round has left of the budget; None where that is nothing."""
    epochs = None if task.total_epochs is None else task.total_epochs - sum(answer.epochs for answer in spent)
    left = None if task.seconds is None else task.seconds - seconds
    if (epochs is not None and epochs <= 0) or (left is not None and left <= 0):
        return None
    trials = task.trials - math.ceil(task.refine * task.trials)
    return task.model_copy(update={"trials": trials, "total_epochs": epochs, "seconds": left})


def narrowed(space: Space, rows: Sequence[Mapping[str, Any]], values: Sequence[float], fewest: int = 1) -> Space:
    """The part of ``space`` around the best rows: the knobs of finished trials, ``values`` their metric.

    A knob that would leave fewer than ``fewest`` candidates stays as it is.
    """
    ranked = [row for _, row in sorted(zip(values, rows, strict=True), key=lambda pair: -pair[0])]
    shares, good = importance(rows, values), ranked[: max(1, len(ranked) // BEST)]
    for knob in sorted(shares, key=lambda knob: _turn(shares[knob])):
        name = FIELDS.get(knob, knob)
        seen = [row[knob] for row in (ranked[:1] if shares[knob] < LITTLE else good) if knob in row]
        given = getattr(space, name, None)
        if isinstance(given, tuple) and (some := _around(given, seen)):
            smaller = space.model_copy(update={name: some})
            space = smaller if SearchSpace(smaller).size >= fewest else space
    return space


def _turn(share: float) -> tuple[bool, float]:
    """When a knob is narrowed: those that decide most first, then of those that decide little the least."""
    return (True, share) if share < LITTLE else (False, -share)


def _around(given: Sequence[Any], seen: Sequence[Any]) -> tuple[Any, ...]:
    """The values of the good rows: of numbers all from the lowest to the highest, else those that occur."""
    if seen and all(isinstance(one, int | float) and not isinstance(one, bool) for one in seen):
        return tuple(value for value in given if min(seen) <= value <= max(seen))
    return tuple(value for value in given if value in seen)
