"""What a finished search leaves for later ones on other data: the data set's meta-features and what did best there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from recsmith.config.base import Section
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Filter, Gnn
from recsmith.model.record import Knob
from recsmith.search.choose import Candidate
from recsmith.search.features import Features, features
from recsmith.search.store import Answer
from recsmith.search.tree import flat, knobs_of

VERSION = 1
BEST = 4
"""So many networks, and so many filters, are written down: a later search may have one family alone."""


class Setting(Section):
    """A candidate as it was proposed: knob -> value, at one level."""

    knobs: dict[str, Knob]
    value: float
    """The metric on valid."""


class Meta(Section):
    """``meta.json``."""

    version: int = VERSION
    metric: str
    features: Features
    best: tuple[Setting, ...]
    """The best first."""


def meta_of(graph: Graph, metric: str, rows: Sequence[Candidate], answers: Sequence[Answer]) -> Meta:
    """What the trials on ``graph`` have shown; only those that could be crowned count."""
    return Meta(metric=metric, features=features(graph), best=best_of(rows, metric, answers))


def best_of(rows: Sequence[Candidate], metric: str, answers: Sequence[Answer]) -> tuple[Setting, ...]:
    """The best trials of each family as they were proposed, the best first."""
    knobs = {answer.number + 1: flat(knobs_of(answer.parameters)) for answer in answers}
    found = [one for family in (Gnn, Filter) for one in _best(rows, metric, knobs, family)]
    return tuple(sorted(found, key=lambda setting: -setting.value))


def _best(
    rows: Sequence[Candidate], metric: str, knobs: dict[int, dict[str, Any]], family: type[Gnn | Filter]
) -> Iterator[Setting]:
    """The best ``BEST`` different trials of a family, the best first."""
    ours = [row for row in rows if row.number in knobs and isinstance(row.record.architecture, family)]
    values = {row.record.key: (value, row.number) for row in reversed(ours) if (value := row.final(metric)) is not None}
    for value, number in sorted(values.values(), key=lambda pair: (-pair[0], pair[1]))[:BEST]:
        yield Setting(knobs=knobs[number], value=value)
