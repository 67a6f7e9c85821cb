"""Id embeddings before training, from the leading singular vectors of the normalised graph."""

from __future__ import annotations

from pathlib import Path

import torch

from recsmith.engine.spectral.spectrum import leading
from recsmith.graph.graph import Graph


def spectral(
    graph: Graph,
    dimension: int,
    spread: float,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
) -> torch.Tensor:
    """``[U; V] S^1/2`` of ``R~ ~ U S V^T``, so that scores start as the low-rank graph, times one number.

    That number makes the entries ``spread`` in root mean square, as random ones are. Columns beyond the rank of the
    graph are random.

    Shapes: -> (N, dimension) on the CPU.
    """
    found = leading(graph, dimension, folder=folder, device=device)
    both = (torch.cat([found.left, found.right]) * found.values.sqrt()).cpu()
    size = both.square().mean().sqrt()
    start = torch.randn(len(both), dimension) * spread
    if both.shape[1]:
        start[:, : both.shape[1]] = both * (spread / size)
    return start
