"""Proximal policy optimisation (Schulman et al. 2017) of the recurrent controller that REINFORCE has too.

Results of a few proposals are learnt from several times; a choice whose odds have moved by ``CLIP`` is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recsmith.search.strategies.base import Distinct, Settings
from recsmith.search.strategies.reinforce import ENTROPY, Policy

BATCH = 4
"""Results between two rounds of learning."""
PASSES = 4
"""Steps of a round."""
CLIP = 0.2
"""Equation 7."""


class Ppo(Distinct):
    """A round of learning for every few results."""

    def __init__(self, **settings: Any) -> None:
        known = Settings(**settings)
        super().__init__(ClippedPolicy(known), known)


@dataclass(frozen=True)
class Step:
    """A proposal with what it was worth and how likely its choices (choices,) were when it came."""

    proposal: dict[str, Any]
    gain: float
    logs: Tensor


class ClippedPolicy(Policy):
    """The controller, learning by the clipped objective."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.batch: list[Step] = []

    def learn(self, proposal: dict[str, Any], gain: float) -> None:
        """Keep a result; the last of a batch starts a round of learning."""
        with torch.no_grad():
            self.batch.append(Step(proposal, gain, self.controller.read([proposal]).logs[0]))
        if len(self.batch) == BATCH:
            for _ in range(PASSES):
                self.step(self._loss())
            self.batch.clear()

    def _loss(self) -> Tensor:
        """Equation 7, where every choice is an action, and the entropy's bonus."""
        thoughts = self.controller.read([one.proposal for one in self.batch])
        gains = torch.tensor([one.gain for one in self.batch])[:, None]
        ratio = (thoughts.logs - torch.stack([one.logs for one in self.batch])).exp()
        kept = torch.minimum(ratio * gains, ratio.clamp(1 - CLIP, 1 + CLIP) * gains)
        return -(kept + ENTROPY * thoughts.entropies).sum(1).mean()
