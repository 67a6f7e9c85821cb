"""The processes that train one model together."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from recsmith.engine.train.objective import Objective

T = TypeVar("T")


class Team:
    """This process alone; ``recsmith.engine.distributed`` has the team of several."""

    rank = 0
    size = 1

    def module(self, objective: Objective) -> nn.Module:
        """What is called in place of ``objective``, so that gradients are averaged over the team."""
        return objective

    def total(self, value: torch.Tensor) -> torch.Tensor:
        """The sum of ``value`` over the team; shapes: () -> ()."""
        return value

    def agreed(self, value: T) -> T:
        """What the first process has for ``value``."""
        return value
