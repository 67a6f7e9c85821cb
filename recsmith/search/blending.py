"""The best finished candidates added up: a blend is chosen on valid by forward selection and takes part like a trial.

Ensemble selection from a library of models (Caruana et al. 2004, section 2): the sum starts as the best candidate, and
what raises the metric most is added, for as long as something does. Nothing is trained for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError

from recsmith.engine.blend import SAMPLED, spread
from recsmith.engine.fit import FitSettings, Fitted, blended, fit
from recsmith.engine.rank.evaluate import evaluate
from recsmith.engine.rank.metrics import evaluate_lists
from recsmith.engine.rank.ranking import block_rows, blocks, mask_seen, top_of
from recsmith.errors import SizedOut
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Blend, Filter, Gnn
from recsmith.model.record import Record
from recsmith.search import limits
from recsmith.search.choose import Candidate
from recsmith.search.kept import MOST, Kept
from recsmith.search.sample import drawn
from recsmith.search.store import Store
from recsmith.search.task import KEPT, Task, fit_values

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Weights that are tried for a candidate beside what has been added up."""
GAIN = 0.01
"""The least share by which a further part must raise the metric: it is trained, stored and scanned like the others."""
NAME = "blend"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Member:
    """A candidate of the library, fitted; its scores are divided by their spread.

    Shapes: scores (n, I) float32 of the users that the choice is made on.
    """

    fitted: Fitted
    scores: torch.Tensor


def blend(task: Task, rows: Sequence[Candidate], say: Say) -> list[Candidate]:
    """``rows``, and behind them the blend that does best on valid; ``rows`` alone where nothing gains by company."""
    library = pool(rows, task.budget.metric)
    if task.blend < 2 or len(library) < 2:
        return list(rows)
    graph, valid = Graph.load(task.graph), Relevant.load(task.valid)
    judged = drawn(valid, _users(task, graph, len(library)), task.budget.seed)
    members = [_member(task, record, graph, judged) for record in library]
    chosen = select(
        [member.scores for member in members], task.blend, _judge(task, graph, judged), _together(task, members, graph)
    )
    if len(chosen) < 2:
        say(f"no blend of the best candidates is better than the best alone by {GAIN:.0%}")
        return list(rows)
    record = _record(task, [(members[number].fitted, weight) for number, weight in chosen.items()], graph, valid)
    say(f"{task.budget.metric} {record.metrics[task.budget.metric]:.4f} {record.describe()}")
    return [*rows, Candidate(max(row.number for row in rows) + 1, record)]


def pool(rows: Sequence[Candidate], metric: str) -> list[Record]:
    """The best networks and the best filters that were measured whole, the best first; blends are of these."""
    found: list[Record] = []
    for family in (Gnn, Filter):
        whole = [row for row in rows if row.final(metric) is not None and isinstance(row.record.architecture, family)]
        tried = [row for row in whole if row.record.source == "search"]
        ordered = sorted(tried, key=lambda row: (-(row.final(metric) or 0.0), row.number))
        found += list({row.record.key: row.record for row in ordered}.values())[:MOST]
    return sorted(found, key=lambda record: -record.metrics[metric])


def select(
    scores: Sequence[torch.Tensor],
    most: int,
    judge: Callable[[torch.Tensor], float],
    together: Callable[[Sequence[int]], bool],
) -> dict[int, float]:
    """Number of each chosen candidate and its weight, in the order of choice; the first is the best, and weighs 1.

    ``together`` says which candidates may be added up. Shapes: scores (n, I) each.
    """
    chosen, total, best = {0: 1.0}, scores[0].clone(), judge(scores[0])
    while len(chosen) < most:
        others = [number for number in range(len(scores)) if number not in chosen and together([*chosen, number])]
        values = {
            (number, factor): judge(torch.add(total, scores[number], alpha=factor))
            for number in others
            for factor in FACTORS
        }
        if not values or max(values.values()) <= best + GAIN * abs(best):
            break
        number, factor = max(values, key=lambda pair: values[pair])
        chosen[number], best = factor, values[number, factor]
        total.add_(scores[number], alpha=factor)
    return chosen


def _together(task: Task, members: Sequence[Member], graph: Graph) -> Callable[[Sequence[int]], bool]:
    """Filters go together where their histories fade alike, and all where the blend is within the limits."""

    def may_serve(numbers: Sequence[int]) -> bool:
        try:
            made = _architecture([(members[number].fitted, 1.0) for number in numbers])
            limits.check(made, graph, task.limits, task.rate)
        except (ValidationError, SizedOut):
            return False
        return True

    return may_serve


def _architecture(parts: Sequence[tuple[Fitted, float]]) -> Blend:
    return Blend(
        parts=tuple(fitted.architecture for fitted, _ in parts),  # pyright: ignore[reportArgumentType]
        weights=tuple(weight for _, weight in parts),
        epochs=tuple(fitted.epochs for fitted, _ in parts),
    )


def _users(task: Task, graph: Graph, n_members: int) -> int:
    """As many users as memory holds the scores of, with two copies to add up and to rank."""
    room = task.memory_mb * 2**20 // (4 * graph.n_items * (n_members + 2))
    return max(1, min(int(room), task.valid_users))


def _member(task: Task, record: Record, graph: Graph, judged: Relevant) -> Member:
    fitted = _fitted(task, record, graph)
    filled = np.flatnonzero(np.diff(graph.indptr))
    users, rows = judged.users, block_rows(graph.n_items, task.memory_mb)
    parts = [fitted.model.scores(users[start:stop]).cpu() for start, stop in blocks(len(users), min(rows, SAMPLED))]
    return Member(fitted, torch.cat(parts).div_(spread(fitted.model, filled, task.budget.seed)))


def _fitted(task: Task, record: Record, graph: Graph) -> Fitted:
    """The candidate as its trial left it, or fitted again for as many epochs as were best."""
    assert isinstance(record.architecture, Gnn | Filter)
    settings = FitSettings(**fit_values(task), spectra=task.spectra)
    if isinstance(record.architecture, Filter):
        return fit(record.architecture, graph, settings)
    kept = Kept(Path(task.folder) / KEPT).load(record.key, graph)
    return kept or fit(record.architecture, graph, replace(settings, epochs=record.epochs))


def _judge(task: Task, graph: Graph, judged: Relevant) -> Callable[[torch.Tensor], float]:
    users, metric = judged.users, task.budget.metric
    seen, cutoff = graph.binary[users], int(metric.partition("@")[2])

    def value(scores: torch.Tensor) -> float:
        lists, _ = top_of(mask_seen(scores.clone(), seen), min(cutoff, graph.n_items))
        return evaluate_lists(lists, users, judged, [cutoff])[metric]

    return value


def _record(task: Task, parts: Sequence[tuple[Fitted, float]], graph: Graph, valid: Relevant) -> Record:
    """The record of a blend on all valid users; it is in the store when this returns."""
    architecture = _architecture(parts)
    store, key = Store(Path(task.folder)), task.key(architecture)
    if (known := store.load(key)) is not None:
        return known
    model = blended(architecture, [fitted for fitted, _ in parts], graph, task.budget.seed).model
    metrics = evaluate(model, graph, valid, task.budget.cutoffs, task.memory_mb)
    made = Record(name=NAME, source="search", key=key, architecture=architecture, metrics=metrics)
    record = made.model_copy(update={"epochs": max(architecture.epochs)})
    store.save(record)
    return record
