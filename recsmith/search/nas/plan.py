"""What a strategy of ``nni.nas`` is made from, and what its driver must know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Plan:
    """A strategy and how its repetitions are met."""

    strategy: Any
    """A ``nni.nas.strategy.base.Strategy``."""
    once: bool
    """Where it draws a candidate that has been tried it draws again; else it is told the metric once more, without a
    trial."""


Planner = Callable[[int, int, int], Plan]
"""Of the seed, the number of trials and the number of choices in the space."""
