"""Where a step of training finds what it looks at."""

from __future__ import annotations

from typing import Any, Protocol

import torch

from recsmith.engine.batch.neighbourhood import Neighbourhood
from recsmith.engine.batch.sampling import Batch
from recsmith.engine.batch.view import View
from recsmith.engine.settings import FitSettings
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.propagate import Gather
from recsmith.graph.graph import Graph
from recsmith.model.gnn import Gnn


class Views(Protocol):
    """A source of views: the whole graph, or neighbourhoods that are drawn for each batch."""

    def view(self, batch: Batch) -> View:
        """Nodes and edges that a step with ``batch`` sees."""
        ...

    def state(self) -> torch.Tensor | None:
        """What :meth:`restore` takes to go on from here."""
        ...

    def restore(self, state: Any) -> None:
        """Go on where ``state`` was asked."""
        ...


class FullGraph:
    """Every batch sees the whole graph."""

    def __init__(self, adjacency: Adjacency) -> None:
        self.adjacency = adjacency

    def view(self, batch: Batch) -> View:
        """The whole graph, and where the batch stands in it."""
        return View(self.adjacency, Gather.of(batch.rows(self.adjacency.n_users), self.adjacency.n_nodes))

    def state(self) -> None:
        """Nothing is drawn."""

    def restore(self, state: None) -> None:
        """Nothing is drawn."""


def views_of(architecture: Gnn, graph: Graph, adjacency: Adjacency, settings: FitSettings) -> Views:
    """The source of views that ``settings.fan_out`` asks for."""
    if not settings.fan_out:
        return FullGraph(adjacency)
    features = architecture.edge_dimension > 0 or "rgcn" in architecture.operators
    return Neighbourhood(graph, settings.fan_out, settings.seed, adjacency.device, features=features)
