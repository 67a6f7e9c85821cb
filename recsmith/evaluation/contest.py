"""Every model ranks the whole catalogue for every user of the test, one model at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recsmith.config.evaluate import Evaluate
from recsmith.engine.rank.ranking import top_lists
from recsmith.evaluation.answers import BundleAnswers
from recsmith.evaluation.judge import Entry
from recsmith.evaluation.links import Pairs, PairScores, link_metrics, sample_pairs, threshold_on
from recsmith.evaluation.pair_scores import model_pair_scores
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.contract import Model
from recsmith.model.record import Record


@dataclass
class Contest:
    """The task that all models share.

    ``fit`` and ``valid`` choose the threshold of link prediction (train, and the pairs after it); ``refit`` (train +
    valid) is what models know on the test, and ``relevant`` holds the test's pairs.
    """

    fit: Graph
    valid: Relevant
    refit: Graph
    relevant: Relevant
    cutoffs: tuple[int, ...]
    settings: Evaluate
    seed: int
    memory_mb: int
    ranking_ms: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.test_pairs = sample_pairs(self.relevant, self.refit, self.settings.negatives, self.seed)
        self.valid_pairs = sample_pairs(self.valid, self.fit, self.settings.negatives, self.seed)

    def exact(self, entry: Entry, model: Model, threshold: float | None) -> Entry:
        """``entry`` with the answers of ``model``."""
        lists = self._timed(entry.name, lambda k: self._ranked(model, k))
        return self._answered(entry, lists, model_pair_scores(model, self.memory_mb), threshold)

    def served(self, entry: Entry, bundle: BundleAnswers, threshold: float | None) -> Entry:
        """``entry`` with the answers of the bundle; it approximates the exact model, whose ``threshold`` it takes."""
        lists = self._timed(entry.name, lambda k: bundle.lists(self.relevant.users, k))
        return self._answered(entry, lists, bundle.pair_scores(), threshold)

    def threshold(self, earlier: Model) -> float | None:
        """Where the scores of a model that was fitted on ``fit`` separate valid pairs from non-pairs best."""
        return threshold_on(model_pair_scores(earlier, self.memory_mb), self.valid_pairs)

    def _ranked(self, model: Model, k: int) -> np.ndarray:
        return top_lists(model, self.relevant.users, k, self.refit, memory_mb=self.memory_mb)

    def _timed(self, name: str, rank: Callable[[int], np.ndarray]) -> np.ndarray:
        start = time.perf_counter()
        lists = rank(max(self.cutoffs))
        self.ranking_ms[name] = (time.perf_counter() - start) * 1000
        return lists

    def _answered(self, entry: Entry, lists: np.ndarray, scores: PairScores, threshold: float | None) -> Entry:
        link = _links(self.test_pairs, scores, threshold)
        return Entry(entry.name, entry.family, entry.architecture, entry.valid, lists, link)


def _links(pairs: Pairs, scores: PairScores, threshold: float | None) -> dict[str, Any]:
    return link_metrics(scores(pairs.users, pairs.items), pairs, threshold)


def baseline_entry(record: Record) -> Entry:
    """The entry of a baseline before it has answered; one without a model keeps the reason."""
    family = record.architecture.family if record.architecture is not None else record.name
    note = None if record.status == "done" else record.error or record.status
    return Entry(record.name, family, record.describe(), record.metrics, note=note)


def one_each(records: list[Record]) -> list[Record]:
    """The chosen record of every name, in the order of the records; the first where none could be chosen."""
    best: dict[str, Record] = {}
    for record in records:
        if record.chosen or record.name not in best:
            best[record.name] = record
    return list(best.values())
