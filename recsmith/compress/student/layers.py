"""A second loss that pulls what each layer of a student makes to what that layer of its teacher makes, by NNI."""

from __future__ import annotations

from typing import Any

import torch
from nni.compression.distillation import Adaptive1dLayerwiseDistiller
from torch import nn

from recsmith.compress.origin import Origin
from recsmith.compress.slim.outputs import loaded
from recsmith.engine.batch.sampling import Batch
from recsmith.engine.fit import Guide
from recsmith.engine.network.gnn import Network
from recsmith.engine.sparse.adjacency import Adjacency

OUTPUT = "_output_0"
"""NNI's name for what a module gives."""


class _Distiller(Adaptive1dLayerwiseDistiller):
    """NNI's distiller, whose loss the engine's own training asks for: there is no evaluator of NNI's.

    The teacher stands still, so that it is run once and its outputs are kept.
    """

    def __init__(self, student: Network, teacher: Network, adjacency: Adjacency, weight: float) -> None:
        names = [f"operators.{layer}" for layer in range(len(teacher.operators))] + ["combination"]
        sizes = _sizes(teacher, adjacency)
        targets = [_target(name, weight / (len(names) * sizes[name])) for name in names]
        super().__init__(student, targets, None, teacher, lambda batch, model: model(batch))  # pyright: ignore[reportCallIssue, reportArgumentType]
        self.track_forward(adjacency)
        self._register_trans_linear()
        self.kept = {name: self._teacher_target_spaces[name][OUTPUT].hidden_state for name in names}

    def projections(self) -> list[nn.Module]:
        """The maps from the student's layers to the teacher's, where these are of different lengths."""
        return [linear for found in self.trans_linears.values() for linear in found.values() if linear is not None]

    def compute_distill_loss(self) -> torch.Tensor:
        for name, found in self.kept.items():
            assert found is not None
            self._teacher_target_spaces[name][OUTPUT].hidden_state = found
        return super().compute_distill_loss()  # pyright: ignore[reportReturnType]


class LayerLoss(nn.Module):
    """Mean over the layers and their combination of the squared distance from the teacher, over the teacher's size."""

    def __init__(self, student: Network, teacher: Network, adjacency: Adjacency, weight: float) -> None:
        super().__init__()
        self.distiller = _Distiller(student, teacher, adjacency, weight)
        self.projections = nn.ModuleList(self.distiller.projections())

    def forward(self, vectors: torch.Tensor, batch: Batch) -> torch.Tensor:
        return self.distiller.compute_distill_loss()


def _target(name: str, weight: float) -> dict[str, Any]:
    return {"op_names": [name], "target_names": [OUTPUT], "lambda": weight, "apply_method": "mse"}


def _sizes(network: Network, adjacency: Adjacency) -> dict[str, float]:
    """The mean square of what each layer, and their combination, makes."""
    with torch.no_grad():
        layers = network.layers(adjacency)
        outputs = [*layers[1:], network.combination(layers)]
    names = [f"operators.{layer}" for layer in range(len(layers) - 1)] + ["combination"]
    return {name: max(float(out.square().mean()), 1e-12) for name, out in zip(names, outputs, strict=True)}


def layer_guide(origin: Origin) -> Guide:
    """Layer-wise distillation (FitNets, Romero et al. 2015, equation 3) from the winner's own network."""
    architecture, learnt = origin.network()
    graph, weight = origin.graph, origin.params.student.weight

    def guide(network: Network, adjacency: Adjacency) -> LayerLoss:
        teacher = loaded(architecture, learnt, graph).to(adjacency.device)
        return LayerLoss(network, teacher, adjacency, weight)

    return guide
