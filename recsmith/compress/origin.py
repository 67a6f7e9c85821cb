"""What a form that is trained is made from, and what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from recsmith.compress.export import export
from recsmith.config.compress import Compress
from recsmith.engine.settings import FitSettings, Fitted, Say
from recsmith.errors import UserError
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.contract import Model
from recsmith.model.gnn import Gnn
from recsmith.serving.model import ServingModel


@dataclass(frozen=True)
class Origin:
    """A fitted model, and how it came about: the same rule makes a form of the candidate and of the final model."""

    fitted: Fitted
    """With all that it learnt, where it is a network."""
    graph: Graph
    """What it was fitted on."""
    settings: FitSettings
    """How it was trained: seed, device, threads, memory, batches, and when training stops early."""
    exact: ServingModel
    """The first form of its fp32 export."""
    params: Compress
    say: Say
    valid: Relevant | None = None
    """The pairs by which the candidate was stopped early, and by which its students are; None: not the candidate."""
    epochs: int = 0
    """Those of the candidate's form of this name, where that was stopped early; 0: it was not, or there is none."""

    def exported(self, model: Model) -> ServingModel:
        """The first form of the fp32 export of a model of the same people and items."""
        made = export(model, self.graph, self.params.export, self.settings.seed, self.settings.memory_mb)
        return next(iter(made.values()))

    def network(self) -> tuple[Gnn, dict[str, torch.Tensor]]:
        """The winner's architecture and weights; UserError where it is no network, or they are not there."""
        architecture, learnt = self.fitted.architecture, self.fitted.learnt
        if not isinstance(architecture, Gnn) or learnt is None:
            raise UserError("The weights of the network are not there, and this form is made of them. Train it again.")
        return architecture, learnt


@dataclass(frozen=True)
class Made:
    """A form as it serves."""

    model: ServingModel
    epochs: int = 0
    """Of a student that was stopped early: those that were best; 0: nothing stopped it."""


Form = Callable[[Origin], Made]


class NoForm(UserError):
    """The winner is of a family that cannot have such a form, whatever the parameters say."""
