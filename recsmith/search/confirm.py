"""The best candidates measured again with more seeds and on other splits, before one is crowned.

The highest of many measured values is partly luck; a second look at the few that could win is cheap against it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from recsmith.errors import UserError
from recsmith.model.architecture import Architecture, Blend, Filter
from recsmith.model.record import Record
from recsmith.search.attempt import tried
from recsmith.search.choose import Candidate, schedule
from recsmith.search.folds import fold_tasks
from recsmith.search.task import Task

Say = Callable[[str], None]


def confirm(task: Task, rows: Sequence[Candidate], say: Say) -> list[Candidate]:
    """``rows`` with the records of the finalists replaced by means over ``task.seeds`` seeds and ``task.folds`` splits.

    Who was measured once where others were measured more often is not crowned. Raises UserError where no finalist
    could be fitted every time.
    """
    if task.seeds == 1 and task.folds == 1:
        return list(rows)
    metric, splits = task.budget.metric, fold_tasks(task, task.folds) if task.folds > 1 else [task]
    again: dict[str, Record] = {}
    errors: list[str] = []
    for record in finalists(rows, task):
        runs = _runs(task, splits, record)
        broken = next((run for line in runs for run in line if run.status != "done"), None)
        if broken is None:
            again[record.key] = averaged(record, runs, metric, task)
            say(_line(record, again[record.key], metric))
        else:
            errors.append(broken.error or broken.status)
            say(f"no finalist, since it failed when it was fitted again: {record.describe()}")
    if not again and errors:
        raise UserError(f"none of the finalists could be fitted with all seeds and splits. The first one:\n{errors[0]}")
    return [_confirmed(row, again, task) for row in rows]


def finalists(rows: Sequence[Candidate], task: Task) -> list[Record]:
    """The best ``task.finalists`` that are trained; where there are folds, also the best so many that are not."""
    metric = task.budget.metric
    whole = [row for row in rows if row.final(metric) is not None]
    ordered = sorted(whole, key=lambda row: (-(row.final(metric) or 0.0), row.number))
    records = list({row.record.key: row.record for row in ordered}.values())
    groups = [[record for record in records if trained(record.architecture)]]
    if task.folds > 1:
        groups.append([record for record in records if not trained(record.architecture)])
    return [record for group in groups for record in group[: task.finalists]]


def trained(candidate: Architecture | None) -> bool:
    """Whether a seed decides anything: filters have closed forms."""
    if isinstance(candidate, Blend):
        return any(trained(part) for part in candidate.parts)
    return candidate is not None and not isinstance(candidate, Filter)


def price(task: Task) -> str | None:
    """What it will take, in words; None where nothing is measured again."""
    said = []
    if task.inherit:
        said.append(f"the best {task.finalists} networks that inherited are trained again from their own start")
    if task.seeds > 1 or task.folds > 1:
        fits = task.seeds * task.folds - (task.folds == 1)
        kinds = " and the best as many filters, once a split" if task.folds > 1 else ""
        said.append(
            f"the best {task.finalists} trained candidates are fitted {fits} more times each "
            f"({task.seeds} seeds, {task.folds} splits){kinds}"
        )
    return f"before one is crowned, {'; '.join(said)}" if said else None


def averaged(record: Record, runs: Sequence[Sequence[Record]], metric: str, task: Task) -> Record:
    """``record`` with the means of its ``runs`` (a line a seed, a run a split), and those of each seed and split."""
    every = [run for line in runs for run in line]
    values = np.array([[run.metrics[metric] for run in line] for line in runs])
    means = {name: float(np.mean([run.metrics[name] for run in every])) for name in every[0].metrics}
    seeds = tuple(map(float, values.mean(1))) if len(runs) > 1 else ()
    folds = tuple(map(float, values.mean(0))) if task.folds > 1 else ()
    return record.model_copy(update={"metrics": means, "seed_values": seeds, "fold_values": folds})


def _runs(task: Task, splits: Sequence[Task], record: Record) -> list[list[Record]]:
    """A line of records for each seed, a record for each split; the first seed on the one valid is known already."""
    assert record.architecture is not None
    seeds = range(task.budget.seed, task.budget.seed + (task.seeds if trained(record.architecture) else 1))
    runs = [[_run(split, seed, record) for split in splits] for seed in seeds if seed != seeds[0] or task.folds > 1]
    return runs if task.folds > 1 else [[record], *runs]


def _run(task: Task, seed: int, record: Record) -> Record:
    """The candidate fitted as its record was, with this seed; nothing is kept for blends."""
    assert record.architecture is not None
    own = {} if record.source == "search" else schedule(record)
    budget = task.budget.model_copy(update={"seed": seed, "valid_users": None, **own})
    once = task.cold().model_copy(update={"budget": budget, "blend": 1})
    return tried(once, record.architecture, once.key(record.architecture))[0]


def _confirmed(row: Candidate, again: dict[str, Record], task: Task) -> Candidate:
    if row.record.key in again:
        return replace(row, record=again[row.record.key])
    return replace(row, unconfirmed=trained(row.record.architecture) or task.folds > 1)


def _line(before: Record, now: Record, metric: str) -> str:
    values = ", ".join(f"{value:.4f}" for value in now.seed_values or now.fold_values)
    found = f"{metric} {now.metrics[metric]:.4f} on average ({values}; at first {before.metrics[metric]:.4f})"
    return f"{found}  {now.describe()}"
