"""The supernet: one network that holds the weights of all candidates; a path through it is one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from nni.nas.nn.pytorch import LayerChoice, ModelSpace
from torch import nn
from torch.nn import functional

from recsmith.engine.network.combine import combination, mean
from recsmith.engine.network.gnn import ACTIVATIONS, INITIAL_SPREAD, Network
from recsmith.engine.network.start import spectral
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Gnn
from recsmith.model.cell import read
from recsmith.operators import operator
from recsmith.search.nas.paths import ACTIVATION, READOUT, RESIDUAL, Path, Paths

Tables = list[torch.Tensor]


class Read(nn.Module):
    """The mean of some earlier outputs; shapes: l times (n, D) -> (n, D)."""

    def __init__(self, sources: Sequence[int]) -> None:
        super().__init__()
        self.sources = sources

    def forward(self, found: Tables) -> torch.Tensor:
        return mean([found[source] for source in self.sources])


class Activation(nn.Module):
    """An activation by name; shapes: (n, D) -> (n, D)."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, nodes: torch.Tensor) -> torch.Tensor:
        return ACTIVATIONS[self.name](nodes)


class Residual(nn.Module):
    """What a layer gives, of what it read and what its operator made; shapes: (n, D) twice -> (n, D)."""

    def __init__(self, added: bool) -> None:
        super().__init__()
        self.added = added

    def forward(self, nodes: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        return nodes + out if self.added else out


class Readout(nn.Module):
    """A combination of the first ``depth`` layers, the last of these without activation, as in ``Network``.

    Shapes: L + 1 tables, then those of the L layers without activation, each (n, D) -> (n, D).
    """

    def __init__(self, name: str, dimension: int) -> None:
        super().__init__()
        kind, _, depth = name.rpartition("_")
        self.depth = int(depth)
        self.combination = combination(kind, dimension, self.depth + 1)

    def forward(self, tables: Tables) -> torch.Tensor:
        n_layers = len(tables) // 2
        return self.combination([*tables[: self.depth], tables[n_layers + self.depth]])


class Supernet(ModelSpace):
    """``Network`` with a ``LayerChoice`` for each module that is searched; stands in for it in ``Objective``."""

    def __init__(self, paths: Paths, graph: Graph, start: torch.Tensor | None) -> None:
        super().__init__()
        self.paths, self.architecture = paths, paths.base
        dimension, n_nodes = self.architecture.dimension, graph.n_users + graph.n_items
        drawn = torch.randn(n_nodes, dimension) * INITIAL_SPREAD
        self.embeddings = nn.Parameter(drawn if start is None else start)
        layers = range(1, paths.depth + 1)
        self.operators = nn.ModuleList(
            self._choice(paths.operator(layer), _operators(paths, graph)) for layer in layers
        )
        self.reads = nn.ModuleList(self._read(layer) for layer in layers)
        names = paths.choices.get(ACTIVATION, ["identity"])
        self.activation = self._choice(ACTIVATION, {name: Activation(name) for name in names})
        self.residual = self._choice(RESIDUAL, {name: Residual(name == "True") for name in paths.choices[RESIDUAL]})
        readouts = {name: Readout(name, dimension) for name in paths.choices[READOUT]}
        self.readout = self._choice(READOUT, readouts)

    @staticmethod
    def _choice(label: str, candidates: Mapping[str, nn.Module]) -> nn.Module:
        return LayerChoice(dict(candidates), label=label) if len(candidates) > 1 else next(iter(candidates.values()))

    def _read(self, layer: int) -> nn.Module:
        label = self.paths.inputs(layer)
        return self._choice(label, {name: Read(read(name)) for name in self.paths.choices.get(label, [str(layer - 1)])})

    def layers(self, adjacency: Adjacency, nodes: torch.Tensor | None = None, noise: float = 0.0) -> Tables:
        """The id embeddings and the output of each layer, then the latter without activation.

        Shapes: -> (2 L + 1) times (n, D).
        """
        # A view: NNI adds up tensors of one type only, and the embeddings are a parameter.
        start = self.embeddings.view_as(self.embeddings)
        found = [start if nodes is None else start.index_select(0, nodes)]
        raw: Tables = []
        knobs = self.architecture
        seen = adjacency.dropped(knobs.edge_dropout) if self.training and knobs.edge_dropout else adjacency
        for reading, layer in zip(self.reads, self.operators, strict=True):
            nodes_read = reading(found)
            out = layer(functional.dropout(nodes_read, knobs.dropout, self.training), seen)
            found.append(self.residual(nodes_read, self.activation(out)))
            raw.append(self.residual(nodes_read, out))
        return [*found, *raw]

    def combine(self, tables: Tables) -> torch.Tensor:
        """One vector a node; shapes: -> (n, D)."""
        vectors = self.readout(tables)
        return functional.normalize(vectors, eps=1e-8) if self.architecture.head == "cosine" else vectors

    def forward(self, adjacency: Adjacency) -> torch.Tensor:
        """The vectors of all nodes; shapes: -> (N, D)."""
        return self.combine(self.layers(adjacency))


def supernet(paths: Paths, graph: Graph, spectra: Any, device: torch.device) -> Any:
    """The supernet for a graph, on the CPU, with the id embeddings that the space's ``start`` names."""
    knobs, start = paths.base, None
    if knobs.start == "spectral":
        start = spectral(graph, knobs.dimension, INITIAL_SPREAD, spectra, device)
    return Supernet(paths, graph, start)


def _operators(paths: Paths, graph: Graph) -> dict[str, nn.Module]:
    names = ("heads", "edge_dimension", "target_exponent", "source_exponent")
    knobs = {name: getattr(paths.base, name) for name in names}
    n_events = max(1, len(graph.events))
    return {name: operator(name, paths.base.dimension, n_events=n_events, **knobs) for name in paths.space.operators}


class Shared(Network):
    """A path of the supernet as an ordinary network with its weights; shapes as there."""

    def __init__(self, net: Supernet, path: Path) -> None:
        nn.Module.__init__(self)
        self.architecture: Gnn = net.paths.network(path)
        self.embeddings = net.embeddings
        names = self.architecture.operators
        self.operators = nn.ModuleList(_picked(net.operators[place], name) for place, name in enumerate(names))
        self.combination: nn.Module = _picked(net.readout, path[READOUT]).combination


def _picked(module: nn.Module, name: str) -> Any:
    """The candidate of that name, where there was a choice."""
    return module[name] if isinstance(module, LayerChoice) else module
