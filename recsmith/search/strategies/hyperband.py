"""Hyperband (Li et al. 2018): random candidates in brackets that start at different shares of the budget."""

from __future__ import annotations

from typing import Any

import numpy as np
from nni.algorithms.hpo import hyperband_advisor

from recsmith.search.strategies.base import Learner, Settings
from recsmith.search.strategies.halving import ETA, Bracket, Config, Halving


class Hyperband(Learner):
    """NNI's brackets, seeded."""

    def __init__(self, **settings: Any) -> None:
        known = Settings(**settings)
        super().__init__(Brackets(known), known)


class Brackets(Halving):
    """Brackets of candidates drawn at random."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.trials)
        self.random = np.random.RandomState(settings.seed)
        self.space: Any = None

    def update_search_space(self, search_space: Any) -> None:
        """Take the space."""
        self.space = search_space

    def opened(self, turn: int) -> tuple[Bracket, list[Config]]:
        """A bracket and its first rung."""
        bracket = hyperband_advisor.Bracket(str(turn), turn, self.depth, ETA, self.units, "maximize")
        return bracket, bracket.get_hyperparameter_configurations(*bracket.get_n_r(), self.space, self.random)
