"""Naive evolution (Real et al. 2017): of a random pair the better one is mutated, the worse one dies."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from nni.algorithms.hpo.evolution_tuner import EvolutionTuner
from nni.utils import json2space

from recsmith.search.strategies.base import Learner, Settings


class Evolution(Learner):
    """The population is a third of the trials."""

    def __init__(self, **settings: Any) -> None:
        known = Settings(**settings)
        population = min(32, max(4, known.trials // 3, known.concurrency))
        super().__init__(SeededEvolution(known.seed, population), known)


class SeededEvolution(EvolutionTuner):
    """NNI's tuner with both of its generators seeded; as it comes, no two runs are alike."""

    def __init__(self, seed: int, population_size: int) -> None:
        super().__init__(optimize_mode="maximize", population_size=population_size)
        self.seed = seed
        self.state = random.Random(seed).getstate()

    def update_search_space(self, search_space: Any) -> None:
        """Draw the first population."""
        self.searchspace_json = search_space
        self.space = json2space(search_space)
        self.random_state = np.random.RandomState(self.seed)
        self.population = []
        for _ in range(self.population_size):
            self._random_generate_individual()

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> dict[str, Any]:
        """The next individual; draws from a state of our own behind the shared generator that NNI uses."""
        shared = random.getstate()
        random.setstate(self.state)
        try:
            return self._generate_individual(parameter_id)
        finally:
            self.state = random.getstate()
            random.setstate(shared)

    def receive_trial_result(self, parameter_id: int, parameters: Any, value: float, **kwargs: Any) -> None:
        """Take an individual into the population, one of other origin too."""
        if parameter_id in self.running_trials:
            super().receive_trial_result(parameter_id, parameters, value, **kwargs)
