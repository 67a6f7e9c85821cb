"""A second loss beside the network's own, as a student has that also learns from a teacher."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from recsmith.engine.network.gnn import Network
from recsmith.engine.settings import FitSettings
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.train.objective import Objective
from recsmith.errors import UserError

Guide = Callable[[Network, Adjacency], nn.Module]
"""Makes the loss for the network that is trained: of the vectors of all nodes (N, W) and a batch, as the network has
just propagated them. What it holds as parameters is trained too."""


def check_guided(objective: Objective, settings: FitSettings, processes: int) -> None:
    """UserError where a step has not the vectors of all nodes, or a checkpoint could not tell guides apart."""
    whole = settings.accumulate == 1 and not settings.fan_out and objective.architecture.propagate_every == 1
    if objective.guide is not None and not (whole and processes == 1 and settings.checkpoints is None):
        raise UserError(
            "A network with a second loss (a teacher's) is trained by whole batches on the whole graph, in one process "
            "and without checkpoints: accumulate = 1, fan_out = [], propagate_every = 1."
        )
