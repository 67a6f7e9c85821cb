"""Every baseline's grid on valid: one record a candidate."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from recsmith.baselines import als, ease, item_knn, lightgcn, popularity
from recsmith.baselines.candidate import Candidate
from recsmith.config.baseline import Baseline
from recsmith.engine.fit import FitSettings, OnEpoch
from recsmith.engine.fit import fit as fit_architecture
from recsmith.engine.rank.evaluate import evaluate
from recsmith.errors import SizedOut, UserError
from recsmith.evaluation.links import sample_pairs, threshold_on
from recsmith.evaluation.pair_scores import model_pair_scores
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Blend
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


@dataclass(frozen=True)
class _Task:
    """What all candidates share."""

    graph: Graph
    valid: Relevant
    settings: FitSettings
    cutoffs: tuple[int, ...]
    on_epoch: OnEpoch | None
    negatives: int

    def key(self, candidate: Candidate) -> str:
        return record_key(candidate.name, candidate.architecture, candidate.knobs, self._budget)

    @cached_property
    def _budget(self) -> dict[str, Knob | None]:
        pairs = hashlib.md5(usedforsecurity=False)
        for array in (self.valid.indptr, self.valid.indices, self.valid.cold):
            pairs.update(np.ascontiguousarray(array).tobytes())
        shared = {name: getattr(self.settings, name) for name in ("metric", "seed", "device", "threads", "memory_mb")}
        cutoffs = " ".join(map(str, self.cutoffs))
        drawn = {"cutoffs": cutoffs, "negatives": self.negatives}
        return {**shared, "graph": self.graph.hash, "valid": pairs.hexdigest(), **drawn}

    def threshold(self, model: Model) -> float | None:
        """Where the model's scores separate valid pairs from sampled non-pairs best."""
        pairs = sample_pairs(self.valid, self.graph, self.negatives, self.settings.seed)
        return threshold_on(model_pair_scores(model, self.settings.memory_mb), pairs)


def tune(
    params: Baseline,
    graph: Graph,
    valid: Relevant,
    settings: FitSettings,
    cutoffs: Iterable[int] = CUTOFFS,
    *,
    on_record: Callable[[Record], None] | None = None,
    on_epoch: OnEpoch | None = None,
    known: Callable[[str], Record | None] | None = None,
    negatives: int = 1,
) -> list[Record]:
    """Try every candidate of every baseline; the best of each on ``settings.metric`` is flagged as chosen.

    ``on_record`` hears of each record when it is finished, ``on_epoch`` of each epoch of what learns in epochs;
    ``known`` may answer for a key that was finished before; ``negatives`` are drawn for each valid pair where a record
    keeps its threshold.
    """
    task, records = _Task(graph, valid, settings, cutoffs_with(settings.metric, cutoffs), on_epoch, negatives), []
    for candidate in (candidate for grid in GRIDS for candidate in grid(params)):
        records.append((known(task.key(candidate)) if known else None) or _tried(candidate, task))
        if on_record:
            on_record(records[-1])
    return choose(records, settings.metric)


def refit(record: Record, graph: Graph, settings: FitSettings) -> Model:
    """The baseline of ``record`` on another graph: equal knobs, and as many epochs as were best where it has any."""
    assert not isinstance(record.architecture, Blend)
    candidate = Candidate(record.name, record.architecture, record.knobs)
    return _fitted(candidate, graph, replace(settings, epochs=record.epochs))[0]


def _tried(candidate: Candidate, task: _Task) -> Record:
    record = Record(
        name=candidate.name,
        source="baseline",
        key=task.key(candidate),
        architecture=candidate.architecture,
        knobs=candidate.knobs,
    )
    try:
        model, epochs = _fitted(candidate, task.graph, task.settings, task.valid, task.on_epoch)
        metrics = evaluate(model, task.graph, task.valid, task.cutoffs, task.settings.memory_mb)
        # Training again only for this number would take as long as the tuning.
        threshold = task.threshold(model) if epochs else None
    except SizedOut as error:
        return record.model_copy(update={"status": "sized_out", "error": str(error)})
    except UserError as error:
        return record.model_copy(update={"status": "failed", "error": str(error)})
    return record.model_copy(update={"metrics": metrics, "epochs": epochs, "threshold": threshold})


def _fitted(
    candidate: Candidate,
    graph: Graph,
    settings: FitSettings,
    valid: Relevant | None = None,
    on_epoch: OnEpoch | None = None,
) -> tuple[Model, int]:
    """The model and the epoch that was kept (0 where nothing is learnt in epochs)."""
    if candidate.architecture is None:
        return OWN[candidate.name](candidate, graph, settings), 0
    trained = replace(settings, **candidate.knobs)
    fitted = fit_architecture(candidate.architecture, graph, trained, valid, on_epoch or _unheard)
    return fitted.model, fitted.epochs


def _unheard(row: dict[str, object]) -> None:
    """Where nobody listens to epochs."""
