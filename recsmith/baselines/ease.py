"""EASE (Steck 2019): the filter of kind ``ridge``."""

from __future__ import annotations

from recsmith.baselines.candidate import Candidate
from recsmith.config.baseline import Baseline
from recsmith.model.architecture import Filter


def candidates(params: Baseline) -> list[Candidate]:
    """Every strength of the ridge."""
    return [Candidate("ease", Filter(kind="ridge", l2=l2)) for l2 in params.ease.l2]
