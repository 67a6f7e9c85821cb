"""BOHB (Falkner et al. 2018): Hyperband whose candidates are drawn where good ones were dense on the highest rung.

The density needs about twice as many results on one rung as the space has choices; until then candidates are random,
and later a third of them still is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ConfigSpace
import numpy as np
from ConfigSpace.hyperparameters import CategoricalHyperparameter
from nni.algorithms.hpo.bohb_advisor import bohb_advisor
from nni.algorithms.hpo.bohb_advisor.config_generator import CG_BOHB

from recsmith.search.encoding import Encoding, Parents
from recsmith.search.strategies.base import Learner, Settings
from recsmith.search.strategies.halving import ETA, SHARE, Bracket, Config, Halving
from recsmith.search.tree import FIDELITY, knobs_of


class Bohb(Learner):
    """NNI's brackets and densities, seeded."""

    def __init__(self, **settings: Any) -> None:
        known = Settings(**settings)
        super().__init__(DenseBrackets(known), known)


class DenseBrackets(Halving):
    """Brackets of candidates drawn from densities."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.trials)
        self.seed = settings.seed
        self.state = np.random.RandomState(settings.seed).get_state()

    def update_search_space(self, search_space: Any) -> None:
        """Take the space."""
        self.encoding = Encoding(search_space)
        self.densities = CG_BOHB(conditional(self.encoding, self.seed))
        # It warns of every density without bounds, which it then handles as it should.
        logging.getLogger("BOHB_Advisor").setLevel(logging.ERROR)

    def opened(self, turn: int) -> tuple[Bracket, list[Config]]:
        """A bracket and its first rung."""
        bracket = bohb_advisor.Bracket(turn, self.depth, ETA, self.units, "maximize")
        with self._own_draws():
            return bracket, bracket.get_hyperparameter_configurations(*bracket.get_n_r(), self)

    def get_config(self, budget: int) -> dict[str, Any]:
        """A proposal for NNI's bracket."""
        drawn = self.densities.get_config(budget)
        sample = {label: self.encoding.choices[label][drawn[label]] for label in drawn if label != SHARE}
        return self.encoding.decode(sample)

    def receive_trial_result(self, parameter_id: int, parameters: Any, value: float, **kwargs: Any) -> None:
        """Note a result, in the bracket and in the densities of its rung."""
        sample = self.encoding.encode(knobs_of(parameters))
        places = {label: self.encoding.choices[label].index(chosen) for label, chosen in sample.items()}
        with self._own_draws():
            self.densities.new_result(-value, parameters.get(FIDELITY, 1.0), places)
        super().receive_trial_result(parameter_id, parameters, value, **kwargs)

    @contextmanager
    def _own_draws(self) -> Iterator[None]:
        """Draw from a state of our own behind numpy's shared generator, which NNI uses."""
        shared = np.random.get_state()
        np.random.set_state(self.state)
        try:
            # A choice that good or bad results agree on has a density without width, which NNI handles.
            with np.errstate(divide="ignore", invalid="ignore"):
                yield
        finally:
            self.state = np.random.get_state()
            np.random.set_state(shared)


def conditional(encoding: Encoding, seed: int) -> ConfigSpace.ConfigurationSpace:
    """The choices of an encoding for ConfigSpace: places of values, each choice on the condition of those above it."""
    space = ConfigSpace.ConfigurationSpace(seed=seed)
    knobs = {label: CategoricalHyperparameter(label, range(len(values))) for label, values in encoding.choices.items()}
    space.add(list(knobs.values()))
    for label, parents in encoding.parents.items():
        space.add(_condition(knobs, label, parents, encoding))
    return space


def _condition(knobs: dict[str, Any], label: str, parents: Parents, encoding: Encoding) -> Any:
    each = [
        ConfigSpace.InCondition(knobs[label], knobs[above], [encoding.choices[above].index(value) for value in values])
        for above, values in parents.items()
    ]
    return each[0] if len(each) == 1 else ConfigSpace.OrConjunction(*each)
