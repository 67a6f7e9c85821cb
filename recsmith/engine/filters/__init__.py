"""Training-free item filters: ``scores = history P``; one file a kind."""

from __future__ import annotations

from collections.abc import Callable

import torch

from recsmith.engine.filters.base import ItemFilter
from recsmith.engine.filters.linear import Linear
from recsmith.engine.filters.neighbours import Neighbours
from recsmith.engine.filters.ridge import Ridge
from recsmith.errors import unknown
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Filter

Fit = Callable[[Filter, Graph, int, torch.device], ItemFilter]
KINDS: dict[str, Fit] = {"linear": Linear.fit, "neighbours": Neighbours.fit, "ridge": Ridge.fit}


def fit_filter(
    architecture: Filter, graph: Graph, *, memory_mb: int = 2000, device: torch.device | str = "cpu"
) -> ItemFilter:
    """Fit the filter to the histories of ``graph``; SizedOut where it would need more than ``memory_mb``."""
    if architecture.kind not in KINDS:
        raise unknown("Filter.kind", architecture.kind, KINDS)
    return KINDS[architecture.kind](architecture, graph, memory_mb, torch.device(device))
