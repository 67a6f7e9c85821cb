"""From answers to a winner: the best of trials and of baselines that the space can express; the tables of both."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import stdev
from typing import Any

from recsmith.errors import UserError
from recsmith.files import write_json, write_text
from recsmith.model.architecture import Architecture, Blend, Filter, Gnn
from recsmith.model.cell import text
from recsmith.model.names import METRICS
from recsmith.model.record import Record
from recsmith.search.filter_space import knobs_read
from recsmith.search.space import SearchSpace
from recsmith.search.store import Answer, Store
from recsmith.search.task import Task, fit_values


@dataclass(frozen=True)
class Candidate:
    """A row of the trial table: a baseline (number 0) or a trial (from 1)."""

    number: int
    record: Record
    unconfirmed: bool = False
    """Whether it was measured once where the finalists were measured more often."""

    def value(self, metric: str) -> float | None:
        """The metric on valid; None where there is no result."""
        return self.record.metrics.get(metric) if self.record.status == "done" else None

    def whole(self, metric: str) -> float | None:
        """The metric on all valid users; None where a part of them was measured."""
        return None if self.record.partial else self.value(metric)

    def final(self, metric: str) -> float | None:
        """The metric that may be crowned: whole, and as often measured as that of the finalists."""
        return None if self.unconfirmed else self.whole(metric)


def candidates(task: Task, answers: Sequence[Answer], baselines: Sequence[Record]) -> list[Candidate]:
    """Baselines that the space can express, as they come, then trials in the order of the proposals."""
    space, store = SearchSpace(task.space), Store(Path(task.folder))
    rows = [Candidate(0, record) for record in baselines if space.expresses(record.architecture)]
    for answer in sorted(answers, key=lambda answer: answer.number):
        record = store.load(answer.key)
        if record is not None:
            rows.append(Candidate(answer.number + 1, record))
    return rows


def crown(rows: Sequence[Candidate], metric: str, n_users: int, n_items: int) -> Candidate:
    """The best on all valid users; of equals the smaller, then the first by key. UserError where every trial failed."""
    trials = [row for row in rows if row.number > 0]
    if not any(row.final(metric) is not None for row in trials):
        raise _all_failed(trials)

    def rank(row: Candidate) -> tuple[float, int, str]:
        value = row.final(metric)
        return (-value if value is not None else 0.0, size(row.record.architecture, n_users, n_items), row.record.key)

    return min((row for row in rows if row.final(metric) is not None), key=rank)


def _all_failed(trials: Sequence[Candidate]) -> UserError:
    first = next((row.record.error for row in trials if row.record.error), "no trial was run")
    return UserError(f"all {len(trials)} trials failed. The first one:\n{first.rstrip()}")


def size(candidate: Architecture | None, n_users: int, n_items: int) -> int:
    """Numbers that the exact model holds: vectors of a network, entries of an item-item matrix."""
    if isinstance(candidate, Blend):
        return sum(size(part, n_users, n_items) for part in candidate.parts)
    if isinstance(candidate, Gnn):
        layers = len(candidate.operators) + 1 if candidate.combination == "concat" else 1
        return candidate.dimension * layers * (n_users + n_items)
    if isinstance(candidate, Filter) and candidate.kind == "neighbours":
        return min(candidate.neighbours, n_items) * n_items
    if isinstance(candidate, Filter) and candidate.kind == "low_pass":
        return min(candidate.rank, n_items) * n_items
    return n_items * n_items


def write(folder: Path, task: Task, rows: Sequence[Candidate], best: Candidate) -> None:
    """Write ``best.json``, ``trials.csv`` and ``history.csv`` into ``folder``."""
    metric = task.budget.metric
    write_json(folder / "best.json", best_values(task, best))
    write_text(folder / "trials.csv", trials_csv(rows, metric))
    write_text(folder / "history.csv", history_csv(rows, metric))


def best_values(task: Task, best: Candidate) -> dict[str, Any]:
    """What the next stages need to know of the winner."""
    record = best.record
    settings = {**fit_values(task), **({} if record.source == "search" else schedule(record))}
    return {
        "architecture": record.architecture.model_dump(mode="json") if record.architecture else None,
        "metric": task.budget.metric,
        "valid": record.metrics,
        "source": record.source,
        "epochs": record.epochs,
        "settings": settings,
        "reproducible": task.seconds is None and task.rate is None and task.concurrency == 1,
        "record": record.model_dump(mode="json"),
    }


def schedule(record: Record) -> dict[str, Any]:
    """Knobs of a baseline that set how it was trained."""
    names = ("max_epochs", "patience", "evaluate_every", "batch_size")
    return {name: record.knobs[name] for name in names if name in record.knobs}


HEAD = ("number", "source", "name", "key", "parent", "status")
MEASURED = ("users", "fidelity", "seeds", "std", "folds", "fold_std")
KNOBS = tuple(name for name in dict.fromkeys([*Gnn.model_fields, *Filter.model_fields]) if name != "family")


def trials_csv(rows: Sequence[Candidate], metric: str) -> str:
    """The trial table: who, how good at every cut-off, every knob in a column, and why it failed.

    ``users`` says on how many drawn valid users a row was measured; empty: on all. ``fidelity`` is the share of the
    budget that it was given, ``parent`` the key of the trial whose weights it began from. ``seeds`` and ``folds`` say
    over how many the metrics are means, ``std`` and ``fold_std`` are the standard deviations of the metric over them.
    """
    scores = _score_columns(rows, metric)
    table: list[list[Any]] = [[*HEAD, *scores, *MEASURED, "epochs", "family", *KNOBS, "description", "error"]]
    table += [_row(row, scores) for row in rows]
    return _csv(table)


def _score_columns(rows: Sequence[Candidate], metric: str) -> list[str]:
    """All metrics that any row has, the one searched for first."""
    names = {name for row in rows for name in row.record.metrics} | {metric}
    return [metric, *sorted(names - {metric}, key=_metric_order)]


def _metric_order(name: str) -> tuple[int, int]:
    kind, _, cutoff = name.partition("@")
    return (METRICS.index(kind) if kind in METRICS else len(METRICS), int(cutoff or 0))


def _row(row: Candidate, scores: Sequence[str]) -> list[Any]:
    record, knobs = row.record, _knobs(row.record)
    values = [record.metrics.get(name, "") for name in scores]
    last = (record.error or "").strip().splitlines()[-1:]
    shown = [knobs.get(name, "") for name in ("family", *KNOBS)]
    start = [row.number, record.source, record.name, record.key, record.parent, record.status]
    return [*start, *values, *_measured(record), record.epochs, *shown, record.describe(), *last]


def _measured(record: Record) -> list[Any]:
    """On how many users, with which share of the budget, over how many seeds and splits."""
    users = "" if record.users is None else record.users
    return [users, record.fidelity, *_spread(record.seed_values), *_spread(record.fold_values)]


def _spread(values: Sequence[float]) -> tuple[int, float | str]:
    """How many, and their standard deviation; empty for one."""
    return max(1, len(values)), stdev(values) if len(values) > 1 else ""


def _knobs(record: Record) -> dict[str, Any]:
    """The knobs of a record that its form reads, as text where they are lists."""
    if isinstance(record.architecture, Filter):
        return knobs_read(record.architecture)
    if isinstance(record.architecture, Blend):
        kinds = "+".join(part.kind if isinstance(part, Filter) else part.family for part in record.architecture.parts)
        return {"family": "blend", "parts": kinds, "weights": "+".join(map(str, record.architecture.weights))}
    if record.architecture is None:
        return {}
    values = {**record.architecture.model_dump(mode="json"), "inputs": text(record.architecture.inputs)}
    return {name: "+".join(value) if isinstance(value, list) else value for name, value in values.items()}


def history_csv(rows: Sequence[Candidate], metric: str) -> str:
    """How the best grew: 0 is the best baseline that the space can express, then one row a trial.

    What was measured in part (fewer valid users, a share of the budget) is shown and is nobody's best.
    """
    first = _best_value([row for row in rows if row.number == 0], metric)
    values = [(0, first, first)]
    values += [(row.number, row.value(metric), row.final(metric)) for row in rows if row.number > 0]
    table: list[list[Any]] = [["trial", metric, "best"]]
    best: float | None = None
    for number, value, final in values:
        best = final if best is None or (final is not None and final > best) else best
        if number or value is not None:
            table.append([number, "" if value is None else value, "" if best is None else best])
    return _csv(table)


def _best_value(rows: Sequence[Candidate], metric: str) -> float | None:
    return max((value for row in rows if (value := row.value(metric)) is not None), default=None)


def _csv(table: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    width = len(table[0])
    csv.writer(text, lineterminator="\n").writerows([[*row, *[""] * (width - len(row))] for row in table])
    return text.getvalue()
