"""Every baseline's grid on valid: one record a candidate."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from recsmith.baselines import als, ease, item_knn, lightgcn, popularity
from recsmith.baselines.candidate import Candidate
from recsmith.config.baseline import Baseline
from recsmith.engine.evaluate import evaluate
from recsmith.engine.fit import FitSettings
from recsmith.engine.fit import fit as fit_architecture
from recsmith.errors import SizedOut, UserError
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.contract import Model
from recsmith.model.record import CUTOFFS, Knob, Record, choose, cutoffs_with, record_key

GRIDS: tuple[Callable[[Baseline], list[Candidate]], ...] = (
    popularity.candidates,
    item_knn.candidates,
    ease.candidates,
    als.candidates,
    lightgcn.candidates,
)
OWN: dict[str, Callable[[Candidate, Graph, FitSettings], Model]] = {"popularity": popularity.fit, "als": als.fit}
"""Baselines that are no architecture of the search."""


def tune(
    params: Baseline,
    graph: Graph,
    valid: Relevant,
    settings: FitSettings,
    cutoffs: Iterable[int] = CUTOFFS,
    *,
    on_record: Callable[[Record], None] | None = None,
    known: Callable[[str], Record | None] | None = None,
) -> list[Record]:
    """Try every candidate of every baseline; the best of each on ``settings.metric`` is flagged as chosen.

    ``on_record`` hears of each record when it is finished; ``known`` may answer for a key that was finished before.
    """
    cutoffs = cutoffs_with(settings.metric, cutoffs)
    budget, records = _budget(graph, valid, settings, cutoffs), []
    for candidate in (candidate for grid in GRIDS for candidate in grid(params)):
        key = record_key(candidate.name, candidate.architecture, candidate.knobs, budget)
        record = (known(key) if known else None) or _tried(candidate, key, graph, valid, settings, cutoffs)
        records.append(record)
        if on_record:
            on_record(record)
    return choose(records, settings.metric)


def refit(record: Record, graph: Graph, settings: FitSettings) -> Model:
    """The baseline of ``record`` on another graph: equal knobs, and as many epochs as were best where it has any."""
    candidate = Candidate(record.name, record.architecture, record.knobs)
    return _fitted(candidate, graph, replace(settings, epochs=record.epochs), None)[0]


def _tried(
    candidate: Candidate, key: str, graph: Graph, valid: Relevant, settings: FitSettings, cutoffs: Iterable[int]
) -> Record:
    record = Record(
        name=candidate.name,
        source="baseline",
        key=key,
        architecture=candidate.architecture,
        knobs=candidate.knobs,
    )
    try:
        model, epochs = _fitted(candidate, graph, settings, valid)
        metrics = evaluate(model, graph, valid, cutoffs, settings.memory_mb)
    except SizedOut as error:
        return record.model_copy(update={"status": "sized_out", "error": str(error)})
    except UserError as error:
        return record.model_copy(update={"status": "failed", "error": str(error)})
    return record.model_copy(update={"metrics": metrics, "epochs": epochs})


def _fitted(candidate: Candidate, graph: Graph, settings: FitSettings, valid: Relevant | None) -> tuple[Model, int]:
    """The model and the epoch that was kept (0 where nothing is learnt in epochs)."""
    if candidate.architecture is None:
        return OWN[candidate.name](candidate, graph, settings), 0
    fitted = fit_architecture(candidate.architecture, graph, replace(settings, **candidate.knobs), valid)
    return fitted.model, fitted.epochs


def _budget(graph: Graph, valid: Relevant, settings: FitSettings, cutoffs: Iterable[int]) -> dict[str, Knob | None]:
    pairs = hashlib.md5(usedforsecurity=False)
    for array in (valid.indptr, valid.indices, valid.cold):
        pairs.update(np.ascontiguousarray(array).tobytes())
    return {
        "graph": graph.hash,
        "valid": pairs.hexdigest(),
        "metric": settings.metric,
        "cutoffs": " ".join(map(str, cutoffs)),
        "seed": settings.seed,
        "device": settings.device,
        "threads": settings.threads,
        "memory_mb": settings.memory_mb,
    }
