"""Trying one candidate: from the store where it is known, else fitted and ranked; whatever happens is recorded."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from recsmith.config.base import parse
from recsmith.config.search import Limits
from recsmith.errors import SizedOut, UserError
from recsmith.files import digest
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Architecture, Filter, Gnn
from recsmith.model.record import Record
from recsmith.search import limits
from recsmith.search.sample import drawn
from recsmith.search.space import SearchSpace
from recsmith.search.store import Answer, Store
from recsmith.search.task import KEPT, LEARNT, Task
from recsmith.search.tree import NUMBER, PARENT

FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    UserError,
    ValueError,
)
"""What ends one candidate and not the search."""


def answer(task: Task, parameters: dict[str, Any]) -> Answer:
    """Try the candidate of a proposal; the record is in the store when this returns.

    Nothing is raised but what ends the process: a candidate that fails is recorded with its traceback.
    """
    started = time.perf_counter()
    candidate, key = identify(task, parameters)
    record, known = tried(task.asked(parameters), candidate, key)
    return answered(task, parameters, record, known=known, seconds=time.perf_counter() - started)


def tried(task: Task, candidate: Architecture | UserError, key: str) -> tuple[Record, bool]:
    """The record of a candidate, and whether it was known; it is in the store when this returns."""
    store = Store(Path(task.folder))
    record = store.load(key)
    if record is not None:
        return record, True
    record = _tried(task, candidate, key).model_copy(update={"parent": task.parent})
    store.save(record)
    return record, False


def answered(task: Task, parameters: dict[str, Any], record: Record, *, known: bool, seconds: float) -> Answer:
    """The answer that a record gives to a proposal."""
    return Answer(
        number=parameters[NUMBER],
        key=record.key,
        known=known,
        value=record.metrics.get(task.budget.metric, 0.0) if record.status == "done" else 0.0,
        seconds=round(seconds, 3),
        epochs=record.trained,
        parameters={name: value for name, value in parameters.items() if name != NUMBER},
    )


def identify(task: Task, parameters: dict[str, Any]) -> tuple[Architecture | UserError, str]:
    """The candidate of a proposal (or why there is none) and its key."""
    try:
        candidate = SearchSpace(task.space).architecture(parameters)
    except UserError as error:
        return error, digest(parameters)
    if task.limits != Limits():
        try:
            graph, _ = _data(task.graph, task.valid, task.budget.graph, task.budget.valid)
            limits.check(candidate, graph, task.limits, task.rate)
        except SizedOut as error:
            return error, digest([candidate.model_dump(mode="json"), task.limits.model_dump()])
    return candidate, task.asked(parameters).key(candidate)


def failed(candidate: Architecture | None, key: str, error: str, status: str = "failed") -> Record:
    """The record of a trial without a result."""
    values = {"name": "trial", "source": "search", "key": key, "status": status, "error": error}
    record = parse(values, Record, "trial")
    return record.model_copy(update={"architecture": candidate})


def ended(task: Task, parameters: dict[str, Any], error: str) -> Record:
    """The record of a trial of this proposal that ended without one; it is in the store when this returns."""
    candidate, key = identify(task, parameters)
    record = failed(None if isinstance(candidate, UserError) else candidate, key, error)
    record = record.model_copy(update={"parent": parameters.get(PARENT)})
    Store(Path(task.folder)).save(record)
    return record


def _tried(task: Task, candidate: Architecture | UserError, key: str) -> Record:
    if isinstance(candidate, UserError):
        return failed(None, key, str(candidate), "sized_out" if isinstance(candidate, SizedOut) else "failed")
    try:
        return _fitted(task, candidate, key)
    except SizedOut as error:
        return failed(candidate, key, str(error), "sized_out")
    except FAILURES:
        return failed(candidate, key, traceback.format_exc())


def _fitted(task: Task, candidate: Architecture, key: str) -> Record:
    # Imported late: a known candidate is answered without the seconds that torch takes to load.
    from recsmith.engine.rank.evaluate import evaluate_users
    from recsmith.engine.rank.metrics import mean
    from recsmith.search.inherit import Weights, fitted_of
    from recsmith.search.kept import Kept

    graph, valid = _data(task.graph, task.valid, task.budget.graph, task.budget.valid)
    budget = task.budget.read_by(candidate)
    users = budget.valid_users if isinstance(candidate, Filter) else None
    judged = valid if users is None else drawn(valid, users, task.budget.seed)
    fitted = fitted_of(task, candidate, graph, valid, _within(task.trial_seconds))
    values = evaluate_users(fitted.model, graph, judged, task.budget.cutoffs, task.memory_mb)
    metrics = mean(values)
    if not all(math.isfinite(value) for value in metrics.values()):
        raise ArithmeticError(f"valid metrics are not all numbers: {metrics}")
    whole = budget.fidelity == 1 and task.parent is None
    if whole:
        sample = np.isin(judged.users, drawn(valid, task.valid_users, budget.seed).users)
        Store(Path(task.folder)).save_per_user(key, values[budget.metric][sample])
    if task.blend > 1 and isinstance(candidate, Gnn) and whole:
        Kept(Path(task.folder) / KEPT).save(fitted, key, metrics[budget.metric], graph)
    if task.inherit and isinstance(candidate, Gnn):
        Weights(Path(task.folder) / LEARNT).save(fitted, key, graph)
    found = Record(name="trial", source="search", key=key, architecture=candidate, metrics=metrics, users=users)
    return found.model_copy(
        update={"epochs": fitted.epochs, "trained": len(fitted.history), "fidelity": budget.fidelity}
    )


def _within(seconds: float) -> Callable[[dict[str, Any]], None]:
    """Something to call after each epoch that raises UserError once ``seconds`` have passed."""
    end = time.monotonic() + seconds

    def look(row: dict[str, Any]) -> None:
        if time.monotonic() > end:
            raise UserError(too_long(seconds))

    return look


def too_long(seconds: float) -> str:
    """What a person is told of a trial that was ended."""
    return (
        f"The trial took longer than {seconds:g} s and was ended. "
        "Allow more in params.yaml: search.trial_seconds, or take smaller values in search.space."
    )


@lru_cache(maxsize=1)
def _data(graph: str, valid: str, *hashes: str) -> tuple[Graph, Relevant]:
    """What lies in these folders, opened once for all candidates of a process; ``hashes`` tell contents apart."""
    return Graph.load(graph), Relevant.load(valid)
