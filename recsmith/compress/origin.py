"""What a form that is trained is made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from recsmith.compress.export import export
from recsmith.config.compress import Compress
from recsmith.engine.settings import FitSettings, Fitted, Say
from recsmith.errors import UserError
from recsmith.graph.graph import Graph
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
    """Seed, device, threads, memory and batches; no valid pairs stop a form, its parameters say how long it trains."""
    exact: ServingModel
    """The first form of its fp32 export."""
    params: Compress
    say: Say

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


Form = Callable[[Origin], ServingModel]


class NoForm(UserError):
    """The winner is of a family that cannot have such a form, whatever the parameters say."""
