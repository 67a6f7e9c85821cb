"""Where negatives come from, and how often each item is drawn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from recsmith.graph.graph import Graph
from recsmith.model.architecture import Gnn

Propose = Callable[[int, torch.Generator], torch.Tensor]
"""How many items, of which generator -> that many items, int64."""


def exponent(architecture: Gnn) -> float:
    """The power of an item's count that it is proposed in proportion to.

    The items of a batch are those of pairs, hence as frequent there as they are popular; the pool of hard negatives is
    uniform.
    """
    if architecture.sampling == "in_batch" or architecture.loss == "in_batch_softmax":
        return 1.0
    return architecture.popularity_exponent if architecture.sampling == "popularity" else 0.0


def proposal(graph: Graph, power: float, device: torch.device) -> Propose:
    """Draw items in proportion to ``count^power``, by inversion of their cumulative chances."""
    if power == 0:
        return lambda number, generator: torch.randint(graph.n_items, (number,), generator=generator, device=device)
    ends = torch.from_numpy(np.cumsum(chances(graph, power))).to(device)

    def draw(number: int, generator: torch.Generator) -> torch.Tensor:
        at = torch.rand(number, generator=generator, device=device, dtype=torch.float64) * ends[-1]
        return torch.searchsorted(ends, at, right=True).clamp_(max=graph.n_items - 1)

    return draw


def among(items: torch.Tensor) -> Propose:
    """Draw of these items; shapes: items (B,) int64."""

    def draw(number: int, generator: torch.Generator) -> torch.Tensor:
        return items[torch.randint(len(items), (number,), generator=generator, device=items.device)]

    return draw


def chances(graph: Graph, power: float) -> np.ndarray:
    """The chance of each item to be proposed; shapes: -> (I,) float64, sums to 1."""
    counts = graph.degrees[1].astype(np.float64) ** power
    return counts / counts.sum()


def log_q(graph: Graph, architecture: Gnn) -> torch.Tensor:
    """The log of how often each item stands among the negatives of a pair that is drawn.

    An item of a user's own is drawn again, so that an item that many have comes up less often than it is proposed:
    ``q_i = p_i sum_{u without i} d_u / E / (1 - P_u)`` with ``P_u`` the chance of a proposal that ``u`` has already.
    The other items of a batch are not drawn again, they are masked: there, ``q`` is the chance itself.

    Shapes: -> (I,) float32.
    """
    proposed = chances(graph, exponent(architecture))
    drawn = proposed if architecture.loss == "in_batch_softmax" else _redrawn(graph, proposed)
    return torch.from_numpy(np.log(np.maximum(drawn, np.finfo(np.float32).tiny)).astype(np.float32))


def _redrawn(graph: Graph, proposed: np.ndarray) -> np.ndarray:
    owned = graph.binary.astype(np.float64)
    left = 1 - owned @ proposed
    # Who has all that can be proposed keeps an own item, which is masked.
    weight = np.divide(np.asarray(owned.sum(1)).ravel() / owned.nnz, left, out=np.zeros_like(left), where=left > 1e-9)
    return proposed * np.maximum(weight.sum() - owned.T @ weight, 0)
