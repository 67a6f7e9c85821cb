"""What is chosen by valid alone, within a time: one architecture's epochs, or the best of a search space."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import nni

from benchmarks.common import Data, Sections
from recsmith.config.search import Space
from recsmith.engine.fit import FitSettings, Fitted, fit
from recsmith.engine.rank.evaluate import evaluate
from recsmith.errors import SizedOut
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Architecture, Filter, Gnn
from recsmith.model.record import Record
from recsmith.search import choose
from recsmith.search.attempt import answer
from recsmith.search.batch import batch_size
from recsmith.search.blending import blend
from recsmith.search.climb import Climb
from recsmith.search.confirm import confirm
from recsmith.search.progress import Progress
from recsmith.search.rescore import finalists, rescore
from recsmith.search.space import SearchSpace
from recsmith.search.store import Answer
from recsmith.search.strategies.tpe import Tpe
from recsmith.search.task import Task, fit_values, task_of

Say = Callable[[str], None]
K = 20
RESERVED = 1.1
"""Of the time that measuring the finalists on all valid users is expected to take."""


@dataclass(frozen=True)
class Candidate:
    """What could be recommended with, and what valid says of it."""

    architecture: Architecture
    epochs: int
    """The best on valid; 0 for filters."""
    valid: dict[str, float]

    @classmethod
    def of(cls, record: Record) -> Candidate:
        """The candidate of a finished record."""
        assert record.architecture is not None
        return cls(record.architecture, record.epochs, record.metrics)


@dataclass(frozen=True)
class Choice:
    """The best on valid, and those that were measured on all of valid beside it, the best first."""

    finalists: list[Candidate]
    settings: FitSettings
    tried: int

    @property
    def winner(self) -> Candidate:
        return self.finalists[0]

    def fitted(self, candidate: Candidate, graph: Graph) -> Fitted:
        """``candidate`` on another graph, trained for as many epochs as were best."""
        epochs = candidate.epochs if isinstance(candidate.architecture, Gnn) else None
        return fit(candidate.architecture, graph, replace(self.settings, epochs=epochs))


class _TimeUp(Exception):
    """The time for training is over; what it has reached is known from its history."""


def of_one(architecture: Architecture, data: Data, given: Sections, minutes: float, say: Say) -> Choice:
    """``architecture`` with its best number of epochs, found within ``minutes``."""
    search, settings = given.search, settings_of(data, given)
    history: list[dict[str, Any]] = []
    end = time.monotonic() + 60 * minutes

    def on_epoch(row: dict[str, Any]) -> None:
        history.append(row)
        if search.metric in row:
            say(f"epoch {row['epoch']}: loss {row['loss']:.4f}, {search.metric} {row[search.metric]:.4f}")
        if time.monotonic() > end:
            raise _TimeUp

    try:
        fitted = fit(architecture, data.fit, settings, data.valid, on_epoch)
    except _TimeUp:
        return Choice([_reached(architecture, history, search.metric)], settings, 1)
    metrics = evaluate(fitted.model, data.fit, data.valid, [K], settings.memory_mb)
    return Choice([Candidate(architecture, fitted.epochs, metrics)], settings, 1)


def settings_of(data: Data, given: Sections) -> FitSettings:
    """How one architecture is fitted."""
    search, run = given.search, given.run
    return FitSettings(
        seed=run.seed,
        device=run.device,
        threads=run.threads,
        memory_mb=run.memory_mb,
        max_epochs=given.train.max_epochs,
        patience=given.train.patience,
        evaluate_every=search.evaluate_every,
        batch_size=search.batch_size or batch_size(data.fit.n_edges),
        metric=search.metric,
        spectra=str(data.folder / "spectra"),
    )


def _reached(architecture: Architecture, history: Sequence[dict[str, Any]], metric: str) -> Candidate:
    """The best epoch so far; the first epoch is always evaluated."""
    best = max((row for row in history if metric in row), key=lambda row: row[metric])
    return Candidate(architecture, best["epoch"], {metric: best[metric]})


def of_space(data: Data, given: Sections, trials: int, minutes: float, say: Say) -> Choice:
    """The best of the space of ``given.search``: published settings, steps uphill from the best, then TPE's."""
    nni.silence_stdout()
    end, search = time.monotonic() + 60 * minutes, given.search.model_copy(update={"trials": trials})
    graphs = data.folder / "graph"
    task = task_of(
        search, given.run, graphs / "fit", graphs / "valid", data.folder / "search", (K,), data.folder / "spectra"
    )
    settings = FitSettings(**fit_values(task), spectra=task.spectra)
    _decompose(task.space, data.fit, settings)
    answers = _answers(task, data, end, say)
    rows = confirm(task, blend(task, rescore(task, choose.candidates(task, answers, []), say), say), say)
    best = choose.crown(rows, search.metric, data.fit.n_users, data.fit.n_items).record
    whole = [row for row in rows if row.final(search.metric) is not None]
    ordered = sorted(whole, key=lambda row: -row.record.metrics[search.metric])
    records = list({record.key: record for record in [best, *(row.record for row in ordered)]}.values())
    return Choice([Candidate.of(record) for record in records[: search.rescore]], settings, len(answers))


def _decompose(space: Space, graph: Graph, settings: FitSettings) -> None:
    """Make what low-pass filters share once, so that none of them is timed with it."""
    if "filter" in space.families and {"low_pass", "mixture"} & set(space.filters):
        # Where it needs too much memory, the candidates that need it say so.
        with suppress(SizedOut):
            fit(Filter(kind="low_pass", rank=max(space.rank)), graph, settings)


def _answers(task: Task, data: Data, end: float, say: Say) -> list[Answer]:
    """As many answers as the time allows, some of it kept for the finalists."""
    space, progress = SearchSpace(task.space), Progress(task, say)
    order = Climb(space.tree, Tpe(seed=task.budget.seed, trials=task.trials))
    answers: list[Answer] = []
    while len(answers) < task.trials:
        left = end - time.monotonic() - _reserve(task, data, answers)
        proposal = order.ask() if left > 0 or not answers else None
        if proposal is None:
            break
        answers.append(answer(task.model_copy(update={"trial_seconds": max(left, 1.0)}), proposal))
        order.tell(proposal, answers[-1].value)
        progress.show(answers[-1])
    return answers


def _reserve(task: Task, data: Data, answers: Sequence[Answer]) -> float:
    """Seconds that measuring the finalists on all valid users will take, by what they took on a part of them."""
    if task.budget.valid_users is None:
        return 0.0
    rows, took = choose.candidates(task, answers, []), {answer.key: answer.seconds for answer in answers}
    best = finalists(rows, task.budget.metric, task.rescore)
    times = len(data.valid.users) / task.budget.valid_users
    return RESERVED * times * sum(took[record.key] for record in best)
