"""The graph neural network: id embeddings, one operator a layer, a combination of the layers, a head."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from recsmith.engine.adjacency import Adjacency
from recsmith.model.architecture import Gnn
from recsmith.operators import operator

INITIAL_SPREAD = 0.1
"""Standard deviation of the id embeddings at the start (He et al. 2020, the published code)."""

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "identity": lambda nodes: nodes,
    "relu": functional.relu,
    "leaky_relu": lambda nodes: functional.leaky_relu(nodes, 0.2),
    "elu": functional.elu,
}


def _mean(layers: list[torch.Tensor]) -> torch.Tensor:
    """The average, added up in place: a table of all nodes is large."""
    if len(layers) == 1:
        return layers[0]
    total = layers[0] + layers[1]
    for layer in layers[2:]:
        total += layer
    return total.div_(len(layers))


COMBINATIONS: dict[str, Callable[[list[torch.Tensor]], torch.Tensor]] = {
    "last": lambda layers: layers[-1],
    "mean": _mean,
    "concat": lambda layers: torch.cat(layers, 1),
}


class Network(nn.Module):
    """``X_0`` id embeddings; ``X_l = activation(operator_l(dropout(X_l-1)))``, plus ``X_l-1`` where residual; combined.

    The last layer has no activation, so that vectors may point anywhere.
    """

    def __init__(self, architecture: Gnn, n_nodes: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.embeddings = nn.Parameter(torch.randn(n_nodes, architecture.dimension) * INITIAL_SPREAD)
        self.layers = nn.ModuleList(operator(name, architecture.dimension) for name in architecture.operators)

    def forward(self, adjacency: Adjacency) -> torch.Tensor:
        """Vectors of all nodes, users first; of length 1 where the head is cosine.

        Shapes: -> (N, D), or (N, (L + 1) D) where layers are concatenated.
        """
        nodes: list[torch.Tensor] = [self.embeddings]
        for number, layer in enumerate(self.layers):
            nodes.append(self._step(layer, nodes[-1], adjacency, last=number == len(self.layers) - 1))
        vectors = COMBINATIONS[self.architecture.combination](nodes)
        return functional.normalize(vectors, eps=1e-8) if self.architecture.head == "cosine" else vectors

    def _step(self, layer: nn.Module, nodes: torch.Tensor, adjacency: Adjacency, *, last: bool) -> torch.Tensor:
        sent = functional.dropout(nodes, self.architecture.dropout, self.training)
        out = layer(sent, adjacency)
        if not last:
            out = ACTIVATIONS[self.architecture.activation](out)
        return nodes + out if self.architecture.residual else out


def needed_bytes(architecture: Gnn, n_nodes: int, n_edges: int, batch_size: int) -> int:
    """About what training holds at once: tables, optimizer, layers, the batch and the matrix.

    Counted from the arrays that are alive in a step; ``benchmarks/training.py`` holds it against measured peaks.
    """
    layers, dimension = len(architecture.operators), architecture.dimension
    width = dimension * (layers + 1 if architecture.combination == "concat" else 1)
    tables = n_nodes * ((6 + 4 * layers) * dimension + 4 * width)
    batch = batch_size * (9 * width + 6 * architecture.negatives)
    return 4 * (tables + batch + 12 * n_edges)
