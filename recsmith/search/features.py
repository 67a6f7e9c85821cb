"""Meta-features: what tells one data set from another before anything is trained on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from recsmith.config.base import Section
from recsmith.evaluation.beyond import gini
from recsmith.graph.graph import Graph

SIZES = ("users", "items", "interactions", "density", "history_mean", "history_median", "events")
"""Features that compare by their ratio, so by their logarithm."""


Positive = Annotated[int, Field(ge=1)]


class Features(Section):
    """A data set in numbers."""

    users: Positive
    items: Positive
    interactions: Positive
    density: Annotated[float, Field(gt=0)]
    """Distinct pairs of user and item, of all there could be."""
    item_gini: float
    """Of the users of each item: 0 all equally popular, towards 1 all on one."""
    history_mean: Annotated[float, Field(gt=0)]
    """Distinct items of a user, of those who have any."""
    history_median: Annotated[float, Field(gt=0)]
    events: Positive
    """Kinds of event."""
    times: bool
    """Whether interactions have times."""


def features(graph: Graph) -> Features:
    """The meta-features of what may be learnt from; the graph has edges."""
    users, items = graph.degrees
    histories = users[users > 0]
    return Features(
        users=graph.n_users,
        items=graph.n_items,
        interactions=graph.n_edges,
        density=float(histories.sum() / (graph.n_users * graph.n_items)),
        item_gini=gini(items) or 0.0,
        history_mean=float(histories.mean()),
        history_median=float(np.median(histories)),
        events=max(1, len(graph.events)),
        times=bool((np.asarray(graph.timestamp) >= 0).any()),
    )


def distances(here: Features, others: Sequence[Features]) -> np.ndarray:
    """How far other data sets lie from ``here`` (Feurer et al. 2015, section 3: a norm of the meta-features).

    Euclidean, each feature standardised over all these data sets, sizes by their logarithm; what is the same for all
    says nothing. Shapes: -> (n,) float64.
    """
    table = np.array([_row(one) for one in (here, *others)])
    varied = np.ptp(table, axis=0) > 0
    standard = (table[:, varied] - table[:, varied].mean(0)) / table[:, varied].std(0)
    return np.linalg.norm(standard[1:] - standard[0], axis=1)


def _row(one: Features) -> list[float]:
    values = one.model_dump()
    return [math.log(values[name]) if name in SIZES else float(values[name]) for name in values]
