"""What a form that is trained is made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recsmith.config.compress import Compress
from recsmith.engine.settings import FitSettings, Fitted, Say
from recsmith.errors import UserError
from recsmith.graph.graph import Graph
from recsmith.serving.model import ServingModel


@dataclass(frozen=True)
class Origin:
    """A fitted model, and how it came about: the same rule makes a form of the candidate and of the final model."""

    fitted: Fitted
    """With all that it learnt, where it is a network."""
    graph: Graph
    """What it was fitted on."""
    settings: FitSettings
    """Seed, device, threads, memory and batches; no valid pairs stop a form, its parameters say how long it trains."""
    exact: ServingModel
    """The first form of its fp32 export."""
    params: Compress
    say: Say


Form = Callable[[Origin], ServingModel]


class NoForm(UserError):
    """The winner is of a family that cannot have such a form, whatever the parameters say."""
