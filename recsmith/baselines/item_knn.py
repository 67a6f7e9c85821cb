"""Item neighbours: the filter of kind ``neighbours``."""

from __future__ import annotations

from recsmith.baselines.candidate import Candidate
from recsmith.config.baseline import Baseline
from recsmith.model.architecture import Filter


def candidates(params: Baseline) -> list[Candidate]:
    """Every combination of the numbers of neighbours and shrinkages."""
    return [
        Candidate("item_knn", Filter(kind="neighbours", neighbours=neighbours, shrink=shrink))
        for neighbours in params.item_knn.neighbours
        for shrink in params.item_knn.shrink
    ]
