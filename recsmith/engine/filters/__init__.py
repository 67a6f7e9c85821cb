"""Training-free item filters: ``scores = history P``; one file a kind (docs/filters.md)."""

from __future__ import annotations

from pathlib import Path

import torch

from recsmith.engine.filters.base import Fit, ItemFilter, Means
from recsmith.engine.filters.kinds import PARTS
from recsmith.engine.filters.mixture import Mixture
from recsmith.engine.sparse.normal import queries
from recsmith.errors import unknown
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Filter

KINDS: dict[str, Fit] = {**PARTS, "mixture": Mixture.fit}


def fit_filter(
    architecture: Filter,
    graph: Graph,
    *,
    memory_mb: int = 2000,
    device: torch.device | str = "cpu",
    spectra: Path | None = None,
) -> ItemFilter:
    """Fit the filter to the histories of ``graph``; SizedOut where it would need more than ``memory_mb``.

    ``spectra`` is the folder that keeps decompositions of graphs (:mod:`recsmith.engine.spectral.spectrum`).
    """
    if architecture.kind not in KINDS:
        raise unknown("Filter.kind", architecture.kind, KINDS)
    fitted = KINDS[architecture.kind](architecture, graph, Means(memory_mb, torch.device(device), spectra))
    if architecture.recency:
        fitted.queries = queries(graph, architecture.recency)
    return fitted
