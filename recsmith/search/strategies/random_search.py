"""Random search (Bergstra and Bengio 2012): what every other strategy is held against."""

from __future__ import annotations

from typing import Any

from nni.algorithms.hpo.random_tuner import RandomTuner

from recsmith.search.strategies.base import Distinct, Settings
from recsmith.search.strategies.nested import mend


class Random(Distinct):
    """Every proposal is drawn anew."""

    def __init__(self, **settings: Any) -> None:
        known = Settings(**settings)
        super().__init__(RandomTuner(seed=known.seed), known)

    def update_search_space(self, search_space: Any) -> None:
        """Take the space."""
        super().update_search_space(search_space)
        mend(self.tuner)
