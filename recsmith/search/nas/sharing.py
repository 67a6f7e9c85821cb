"""Training a supernet through ``nni.nas``: its one-shot strategies turn the choices, the losses and batches are ours.

NNI wraps a Lightning module whose steps are those of ``recsmith.engine``: a batch of interactions, the whole graph, the
loss of the space. Paths are sampled by one seeded generator, since NNI's own sampling is unseeded; batches travel in a
parcel that Lightning does not look into. The weights are trained for the epochs that a trial may take, at a constant
learning rate. What learns which paths are good is told by valid: ENAS by the metric of a sampled path on a part of the
valid users, DARTS by the loss of valid pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from nni.nas.evaluator.pytorch import LightningModule

from recsmith.engine.batch.sampling import Batch, Sampler
from recsmith.engine.batch.views import FullGraph
from recsmith.engine.settings import FitSettings
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.train.objective import Objective
from recsmith.engine.train.optimise import OPTIMIZERS
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Gnn

REWARD = "reward"


class Parcel:
    """A batch that Lightning passes on as it is; None: measure."""

    def __init__(self, batch: Batch | None = None) -> None:
        self.batch = batch


class Batches:
    """The batches of an epoch, drawn anew each time that it is gone through."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler

    def __iter__(self) -> Iterator[Parcel]:
        return (Parcel(batch) for batch in self.sampler.epoch())


class Measurements:
    """So many looks at valid."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __iter__(self) -> Iterator[Parcel]:
        return (Parcel() for _ in range(self.number))


def batches(knobs: Gnn, graph: Graph, settings: FitSettings, device: torch.device) -> Batches:
    """Training pairs with their negatives."""
    return Batches(Sampler(graph, knobs, settings.batch_size, settings.seed, device))


def held_out(knobs: Gnn, graph: Graph, valid: Relevant, settings: FitSettings, device: torch.device) -> Batches:
    """Valid pairs, with negatives that their users have not met in training."""
    sampler = Sampler(graph, knobs, settings.batch_size, settings.seed + 1, device)
    users = np.repeat(np.arange(graph.n_users), np.diff(valid.indptr))
    sampler.users = torch.from_numpy(users.astype(np.int64)).to(device)
    sampler.items = torch.from_numpy(np.asarray(valid.indices, np.int64)).to(device)
    return Batches(sampler)


class Steps(LightningModule):
    """What a step computes; NNI decides which path it takes."""

    def __init__(
        self,
        knobs: Gnn,
        graph: Graph,
        adjacency: Adjacency,
        measure: Callable[[torch.Tensor], float],
        on_loss: Callable[[float], None],
    ) -> None:
        super().__init__()
        self.knobs, self.graph, self.measure, self.on_loss = knobs, graph, measure, on_loss
        self.adjacency, self.views = adjacency, FullGraph(adjacency)
        self.objective: Objective | None = None

    def set_model(self, model: Any) -> None:
        """Take the supernet."""
        super().set_model(model)
        self.objective = Objective(self.knobs, model, self.graph)

    def training_step(self, parcel: Parcel, number: int) -> torch.Tensor:
        """The loss of a batch; shapes: -> ()."""
        assert self.objective is not None
        assert parcel.batch is not None
        loss = self.objective(self.views.view(parcel.batch), parcel.batch)
        self.on_loss(float(loss.detach()))
        return loss

    def validation_step(self, parcel: Parcel, number: int) -> None:
        """The metric of the path that is set, on a part of valid."""
        self.model.eval()
        with torch.no_grad():
            value = self.measure(self.model(self.adjacency))
        self.model.train()
        self.log(REWARD, value, batch_size=1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimiser of the space, over the weights of all candidates."""
        return OPTIMIZERS[self.knobs.optimizer](self.model.parameters(), self.knobs)
