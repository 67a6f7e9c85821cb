"""Brackets of successive halving as a tuner: many candidates get a small share of the budget, the best get more.

NNI's own advisors name trials by text, which its dispatcher no longer takes, and hear results as they come. Its
brackets are sound, and are asked here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Protocol

from nni.tuner import Tuner

from recsmith.search.tree import FIDELITY

ETA = 3
"""One of so many candidates of a rung goes on to the next (Li et al. 2018, section 3)."""
DEEPEST = 3
"""No bracket starts lower than ``ETA ** -DEEPEST`` of the budget."""
SHARES = tuple(1 / ETA**rung for rung in range(DEEPEST + 1))
"""All shares of the budget that a trial may be given."""
SHARE = "TRIAL_BUDGET"
"""NNI's key of a budget, in units of the smallest."""
Config = list[Any]
"""``[NNI's id, {knob: value, SHARE: units}]``."""


class Bracket(Protocol):
    """What is used of NNI's brackets."""

    def set_config_perf(self, i: int, parameter_id: str, seq: int, value: float) -> None:
        """Note a result."""

    def inform_trial_end(self, i: int) -> list[Config] | None:
        """Gives the next rung where this result was the last of its rung."""


class Halving(Tuner, ABC):
    """Asks for a bracket whenever nothing is left to propose; so parallel trials never wait for the end of a rung."""

    def __init__(self, trials: int) -> None:
        super().__init__()
        self.depth = depth(trials)
        self.turn = self.depth
        self.queue: deque[tuple[Bracket, Config]] = deque()
        self.running: dict[int, tuple[Bracket, str]] = {}

    @property
    def units(self) -> int:
        """The whole budget."""
        return ETA**self.depth

    @abstractmethod
    def opened(self, turn: int) -> tuple[Bracket, list[Config]]:
        """A bracket that starts at ``ETA ** -turn`` of the budget, and its first rung."""

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> dict[str, Any]:
        """The next candidate of a rung, with its share of the budget."""
        if not self.queue:
            bracket, configs = self.opened(self.turn)
            self.turn = self.turn - 1 if self.turn else self.depth
            self._enqueue(bracket, configs)
        bracket, (name, values) = self.queue.popleft()
        self.running[parameter_id] = bracket, name
        knobs = {knob: value for knob, value in values.items() if knob != SHARE}
        share = values[SHARE] / self.units
        return {**knobs, FIDELITY: share} if share < 1 else knobs

    def receive_trial_result(self, parameter_id: int, parameters: Any, value: float, **kwargs: Any) -> None:
        """Note a result; the last of a rung opens the next. Results of proposals that are not ours change nothing."""
        if parameter_id not in self.running:
            return
        bracket, name = self.running.pop(parameter_id)
        rung = int(name.split("_")[1])
        bracket.set_config_perf(rung, name, 0, value)
        self._enqueue(bracket, bracket.inform_trial_end(rung) or [])

    def _enqueue(self, bracket: Bracket, configs: list[Config]) -> None:
        # Copied: a bracket goes on with the same values at a higher rung.
        self.queue.extend((bracket, [name, dict(values)]) for name, values in configs)


def depth(trials: int) -> int:
    """How many rungs lie below the whole budget: the most of which two brackets are done within ``trials``."""
    return next((deep for deep in range(DEEPEST, 0, -1) if 2 * rungs(deep) <= trials), 0)


def rungs(deep: int) -> int:
    """Trials of the bracket that starts at ``ETA ** -deep``."""
    return sum(ETA**rung for rung in range(deep + 1))
