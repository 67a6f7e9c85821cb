"""REINFORCE (Williams 1992) with a recurrent controller (Zoph and Le 2017): what beats the usual gets likelier."""

from __future__ import annotations

from typing import Any

import torch
from nni.tuner import Tuner
from torch import Tensor

from recsmith.search.encoding import Encoding
from recsmith.search.strategies.base import Distinct, Settings
from recsmith.search.strategies.controller import Controller
from recsmith.search.tree import knobs_of

WIDTH = 32
RATE = 0.01
"""Learning rate of Adam."""
ENTROPY = 0.05
"""Weight of the policy's entropy beside the reward, which is measured in its own standard deviations."""


class Reinforce(Distinct):
    """A step of the policy for every result; draws that are known teach nothing, or the policy settles too soon."""

    def __init__(self, **settings: Any) -> None:
        known = Settings(**settings)
        super().__init__(Policy(known), known)


class Policy(Tuner):
    """A controller that learns from results, whoever proposed what they are of."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.values: list[float] = []

    def update_search_space(self, search_space: Any) -> None:
        """Take the space."""
        self.controller = Controller(Encoding(search_space), WIDTH, self.settings.seed)
        self.optimiser = torch.optim.Adam(self.controller.parameters(), RATE)

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> dict[str, Any]:
        """What the controller writes."""
        return self.controller.draw(self.generator)

    def receive_trial_result(self, parameter_id: int, parameters: Any, value: float, **kwargs: Any) -> None:
        """Learn from a result."""
        self.values.append(value)
        self.learn(knobs_of(parameters), advantage(self.values))

    def learn(self, proposal: dict[str, Any], gain: float) -> None:
        """One step uphill."""
        thoughts = self.controller.read([proposal])
        self.step(-gain * thoughts.logs.sum() - ENTROPY * thoughts.entropies.sum())

    def step(self, loss: Tensor) -> None:
        """One step of the optimiser."""
        if loss.requires_grad:
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()


def advantage(values: list[float]) -> float:
    """How far the last value lies above the mean of all, in their standard deviations; 0 where nothing is known yet."""
    seen = torch.tensor(values, dtype=torch.float64)
    deviation = float(seen.std(correction=0))
    return float(seen[-1] - seen.mean()) / deviation if deviation > 0 else 0.0
