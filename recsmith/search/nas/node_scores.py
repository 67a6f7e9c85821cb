"""What each module and each connection of a trained network contributes: valid loss and metric with it and without it.

A module that is taken out hands on what it read; a connection that is taken out carries zeros. Weights stay as they
are. Nodes are numbered as in ``recsmith.model.cell``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from recsmith.engine.batch.sampling import Batch
from recsmith.engine.batch.views import FullGraph
from recsmith.engine.network.gnn import Network
from recsmith.engine.rank.evaluate import evaluate
from recsmith.engine.settings import FitSettings
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.train.objective import Objective, hardest
from recsmith.engine.vectors import vectors
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model import cell
from recsmith.operators import operator
from recsmith.search.nas.found import Score


class Ablated(Network):
    """A network with its weights, without a module (a layer, from 1) or a connection; shapes as there."""

    def __init__(self, whole: Network, module: int | None = None, edge: tuple[int, int] | None = None) -> None:
        nn.Module.__init__(self)
        self.architecture, self.embeddings, self.edge = whole.architecture, whole.embeddings, edge
        kept = list(whole.operators)
        if module is not None:
            kept[module - 1] = operator("none", whole.architecture.dimension)
        self.operators = nn.ModuleList(kept)
        self.combination = whole.combination

    def combine(self, layers: list[torch.Tensor]) -> torch.Tensor:
        return super().combine(self._cut(len(layers), layers))

    def _read(self, number: int, found: list[torch.Tensor]) -> torch.Tensor:
        return super()._read(number, self._cut(number + 1, found))

    def _cut(self, node: int, tables: list[torch.Tensor]) -> list[torch.Tensor]:
        if self.edge is None or self.edge[1] != node:
            return tables
        return [torch.zeros_like(table) if place == self.edge[0] else table for place, table in enumerate(tables)]


def measured(tables: torch.Tensor, graph: Graph, valid: Relevant, settings: FitSettings) -> float:
    """The metric of the vectors of all nodes by full ranking; shapes: tables (N, D)."""
    model = vectors(tables[: graph.n_users], tables[graph.n_users :], graph)
    cutoff = int(settings.metric.partition("@")[2])
    return evaluate(model, graph, valid, [cutoff], settings.memory_mb)[settings.metric]


class Look:
    """Loss of the valid pairs, with negatives that are drawn once, and the metric of valid users."""

    def __init__(
        self,
        network: Network,
        graph: Graph,
        valid: Relevant,
        settings: FitSettings,
        adjacency: Adjacency,
        batches: Sequence[Batch],
    ) -> None:
        self.graph, self.valid, self.settings, self.adjacency = graph, valid, settings, adjacency
        self.objective = Objective(network.architecture, network, graph).to(adjacency.device)
        self.batches, self.views = batches, FullGraph(adjacency)

    def __call__(self, network: Network) -> tuple[float, float]:
        """Loss and metric."""
        network.eval()
        with torch.no_grad():
            tables = network(self.adjacency)
            losses = [float(self._loss(tables, batch)) * batch.size for batch in self.batches]
        loss = sum(losses) / sum(batch.size for batch in self.batches)
        return loss, measured(tables, self.graph, self.valid, self.settings)

    def _loss(self, tables: torch.Tensor, batch: Batch) -> torch.Tensor:
        batch, gather = hardest(tables, self.views.view(batch).gather, batch)
        return self.objective.ranking(tables, gather, batch)


def network_scores(network: Network, look: Look) -> list[Score]:
    """The modules of a network, operators ``none`` left out, then its connections."""
    names, whole = network.architecture.operators, look(network)
    modules = [layer for layer, name in enumerate(names, 1) if name != "none"]
    rows = [module_score([(whole, look(Ablated(network, layer)))], layer, names[layer - 1]) for layer in modules]
    edges = cell.edges(network.architecture)
    return rows + [edge_score([(whole, look(Ablated(network, edge=edge)))], edge) for edge in edges]


Pair = tuple[tuple[float, float], tuple[float, float]]
"""Loss and metric with it, the same without it."""


def module_score(pairs: Sequence[Pair], layer: int, name: str) -> Score:
    """The mean over what was measured of a module."""
    return Score(node=str(layer), kind="module", operator=name, **_means(pairs))


def edge_score(pairs: Sequence[Pair], edge: tuple[int, int]) -> Score:
    """The mean over what was measured of a connection."""
    return Score(node=f"{edge[0]}->{edge[1]}", kind="connection", operator="", **_means(pairs))


def _means(pairs: Sequence[Pair]) -> dict[str, float]:
    names = ("loss_with", "metric_with", "loss_without", "metric_without")
    columns = zip(*((*there, *gone) for there, gone in pairs), strict=True)
    return {name: sum(column) / len(pairs) for name, column in zip(names, columns, strict=True)}
