"""Grid search: one proposal after the other, the last knob turns fastest; for spaces that can be tried as a whole."""

from __future__ import annotations

from typing import Any

from nni.algorithms.hpo.gridsearch_tuner import GridSearchTuner

from recsmith.search.strategies.base import Distinct, Settings
from recsmith.search.strategies.nested import mend


class Grid(Distinct):
    """Draws nothing, so every seed gives the same order."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(GridSearchTuner(), Settings(**settings))

    def update_search_space(self, search_space: Any) -> None:
        """Take the space."""
        super().update_search_space(search_space)
        mend(self.tuner)
