"""The graph neural network: id embeddings, one operator a layer, a combination of the layers, a head.

A layer reads the one before it, or, in a cell, the mean of the earlier ones that ``Gnn.inputs`` names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from recsmith.engine.network import needs
from recsmith.engine.network.combine import combination, mean
from recsmith.engine.network.start import spectral
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Gnn
from recsmith.operators import operator

INITIAL_SPREAD = 0.1
"""Standard deviation of the id embeddings at the start (He et al. 2020, the published code)."""

Adjacencies = Adjacency | Sequence[Adjacency]
"""One for all layers, or one a layer."""

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "identity": lambda nodes: nodes,
    "relu": functional.relu,
    "leaky_relu": lambda nodes: functional.leaky_relu(nodes, 0.2),
    "elu": functional.elu,
}


class Network(nn.Module):
    """``X_0`` id embeddings; ``X_l = activation(operator_l(dropout(X_l-1)))``, plus ``X_l-1`` where residual; combined.

    The last layer has no activation, so that vectors may point anywhere.
    """

    def __init__(self, architecture: Gnn, n_nodes: int, n_events: int = 1, start: torch.Tensor | None = None) -> None:
        """``n_events`` of the graph; ``start`` (N, D): the first id embeddings in place of random ones."""
        super().__init__()
        self.architecture = architecture
        drawn = torch.randn(n_nodes, architecture.dimension) * INITIAL_SPREAD
        self.embeddings = nn.Parameter(drawn if start is None else start)
        self.operators = nn.ModuleList(_operators(architecture, n_events))
        self.combination = combination(architecture.combination, architecture.dimension, len(self.operators) + 1)

    def forward(self, adjacency: Adjacencies, nodes: torch.Tensor | None = None, noise: float = 0.0) -> torch.Tensor:
        """Vectors of the nodes, users first; of length 1 where the head is cosine.

        Shapes: nodes as in ``layers`` -> (n, D), or (n, (L + 1) D) where layers are concatenated.
        """
        return self.combine(self.layers(adjacency, nodes, noise))

    def layers(
        self, adjacency: Adjacencies, nodes: torch.Tensor | None = None, noise: float = 0.0
    ) -> list[torch.Tensor]:
        """The id embeddings of the nodes, then the output of each layer.

        ``noise`` is the length of the random step that each layer adds (SimGCL; Yu et al. 2022, equation 8).

        Shapes: nodes (n,) int64, the nodes that ``adjacency`` (one for all layers, or one a layer) numbers from 0;
        None: all -> (L + 1) times (n, D).
        """
        found = [self.embeddings if nodes is None else self.embeddings.index_select(0, nodes)]
        for number, seen in enumerate(self._seen(adjacency)):
            out = self._step(number, self._read(number, found), seen)
            found.append(_shaken(out, noise) if noise else out)
        return found

    def _read(self, number: int, found: list[torch.Tensor]) -> torch.Tensor:
        """What a layer takes in, of the outputs that are there; shapes: -> (n, D)."""
        inputs = self.architecture.inputs
        return mean([found[source] for source in inputs[number]]) if inputs else found[-1]

    def combine(self, layers: list[torch.Tensor]) -> torch.Tensor:
        """One vector a node; shapes: (L + 1) times (n, D) -> (n, D) or (n, (L + 1) D)."""
        vectors = self.combination(layers)
        return functional.normalize(vectors, eps=1e-8) if self.architecture.head == "cosine" else vectors

    def _seen(self, adjacency: Adjacencies) -> list[Adjacency]:
        """What each layer sees; one draw of dropped edges serves all layers that see the same."""
        every = [adjacency] * len(self.operators) if isinstance(adjacency, Adjacency) else list(adjacency)
        if len(every) != len(self.operators):
            raise ValueError(f"{len(every)} adjacencies for {len(self.operators)} layers: one is due for each.")
        rate = self.architecture.edge_dropout
        if not (self.training and rate):
            return every
        dropped = {id(one): one.dropped(rate) for one in {id(one): one for one in every}.values()}
        return [dropped[id(one)] for one in every]

    def _step(self, number: int, nodes: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        sent = functional.dropout(nodes, self.architecture.dropout, self.training)
        out = self.operators[number](sent, adjacency)
        if number < len(self.operators) - 1:
            out = ACTIVATIONS[self.architecture.activation](out)
        return nodes + out if self.architecture.residual else out


def network(
    architecture: Gnn, graph: Graph, spectra: Path | None = None, device: torch.device | str = "cpu"
) -> Network:
    """The network for a graph, on ``device``, with the id embeddings that ``architecture.start`` names.

    ``spectra``: the folder where singular vectors are kept between runs.
    """
    start = None
    if architecture.start == "spectral":
        start = spectral(graph, architecture.dimension, INITIAL_SPREAD, spectra, device)
    n_nodes, n_events = graph.n_users + graph.n_items, max(1, len(graph.events))
    return Network(architecture, n_nodes, n_events, start).to(device)


def _operators(architecture: Gnn, n_events: int) -> Iterator[nn.Module]:
    names = ("heads", "edge_dimension", "target_exponent", "source_exponent")
    knobs = {name: getattr(architecture, name) for name in names}
    for name in architecture.operators:
        yield operator(name, architecture.dimension, n_events=n_events, **knobs)


def _shaken(nodes: torch.Tensor, length: float) -> torch.Tensor:
    """Each vector plus a random one of this length in its own orthant."""
    return nodes + nodes.sign() * functional.normalize(torch.rand_like(nodes)) * length


def needed_bytes(architecture: Gnn, n_nodes: int, n_edges: int, batch_size: int, n_events: int = 1) -> int:
    """About what training holds at once: tables, optimizer, layers, the batch and the matrix.

    Counted from the arrays that are alive in a step; ``benchmarks/training.py`` holds it against measured peaks.
    """
    layers, dimension = len(architecture.operators), architecture.dimension
    width = dimension * (layers + 1 if architecture.combination == "concat" else 1)
    nodes = n_nodes * ((6 + 4 * layers + needs.tables(architecture, n_events)) * dimension + 4 * width)
    batch = batch_size * (9 * width + 6 * architecture.negatives)
    entries = (2 * n_edges + n_nodes) * needs.words_of_an_entry(architecture, n_events)
    return 4 * (nodes + batch + entries)
