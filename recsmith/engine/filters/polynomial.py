"""Polynomials of the normalised item-item graph, never formed as a matrix of items by items.

``P = D^-a p(G) D^b`` with ``G = R~^T R~`` and ``p(0) = 0``, so that ``p(G) = R~^T q(R~ R~^T) R~`` with
``q(x) = p(x) / x``: a polynomial of degree n costs 2n sparse products, most of them between people. q is a Chebyshev
series, and its terms follow by their recurrence.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.polynomial import chebyshev
from scipy import sparse

from recsmith.engine.filters.base import ItemFilter, Means, column, columns
from recsmith.engine.rank.ranking import blocks
from recsmith.engine.sparse.normal import degrees, normalised, power
from recsmith.engine.sparse.propagate import product
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Filter

WIDTH = {"cpu": 32}
"""Histories that are filtered at a time by device: on the processor two cache lines a row, so that whole vectors of
people and items stay in its cache (twice as fast as 128 at a time on Gowalla)."""
WIDE = 512


def response(x: np.ndarray, flatness: float) -> np.ndarray:
    """The plateau of ChebyCF (Kim et al. 2025, "Graph Spectral Filtering with Chebyshev Interpolation"): 1 at the
    smooth end ``x = -1``, 0 at the rough end ``x = 1``, and 1/2 around the middle, the wider the flatter.

    Shapes: x (n,) in [-1, 1], the rescaled Laplacian ``1 - 2 lambda(G)`` -> (n,).
    """
    return 0.5 - 0.5 * np.sign(x) * np.abs(x) ** flatness


def series(order: int, flatness: float) -> np.ndarray:
    """Chebyshev coefficients of q in ``2 lambda - 1``, where ``lambda q(lambda)`` meets the response at the
    Chebyshev-Gauss-Lobatto nodes ``cos(pi k / order)``.

    Shapes: -> (order,) float64, of degree order - 1.
    """
    nodes = np.cos(np.pi * np.arange(1, order + 1) / order)  # the node k = 0 is lambda = 0, where both are 0
    values = response(nodes, flatness) / ((1 - nodes) / 2)
    return np.linalg.solve(chebyshev.chebvander(-nodes, order - 1), values)


def terms(knobs: Filter) -> np.ndarray:
    """q of the kind: 1 for the linear filter, whose p is lambda itself."""
    return np.ones(1) if knobs.kind == "linear" else series(knobs.order, knobs.flatness)


class Polynomial(ItemFilter):
    """The kinds ``linear`` (Shen et al. 2021, GF-CF, with free degree exponents) and ``polynomial``.

    Shapes: terms (n,) Chebyshev coefficients of q; left, right (I, 1): ``D^-a``, ``D^b``.
    """

    def __init__(self, graph: Graph, device: torch.device, exponents: tuple[float, float], terms: np.ndarray) -> None:
        super().__init__(graph, device)
        items = degrees(self.histories)[1]
        self.left, self.right = column(power(items, -exponents[0]), device), column(power(items, exponents[1]), device)
        self.terms = [float(term) for term in terms]
        self.graph = product(normalised(self.histories), device)
        self.width = WIDTH.get(device.type, WIDE)

    @classmethod
    def fit(cls, architecture: Filter, graph: Graph, means: Means) -> Polynomial:
        return cls(graph, means.device, (architecture.left_exponent, architecture.right_exponent), terms(architecture))

    def filtered(self, rows: sparse.csr_matrix) -> torch.Tensor:
        count = len(rows.indptr) - 1
        out = torch.empty(count, self.n_items, device=self.device)
        for start, stop in blocks(count, self.width):
            history = columns(rows[start:stop], self.device) * self.left
            torch.mul(self._smooth(history).T, self.right.T, out=out[start:stop])
        return out

    def right_product(self, vectors: torch.Tensor) -> torch.Tensor:
        out = torch.empty_like(vectors)
        for start, stop in blocks(vectors.shape[1], self.width):
            out[:, start:stop] = self._smooth(vectors[:, start:stop] * self.right) * self.left
        return out

    def _smooth(self, signal: torch.Tensor) -> torch.Tensor:
        """``p(G) signal``; shapes: (I, w) -> (I, w)."""
        now = self.graph.forward.times(signal)
        total, before = now * self.terms[0], now
        for k, term in enumerate(self.terms[1:]):
            after = self.graph.forward.times(self.graph.transpose.times(now))
            after = after.mul_(2).sub_(now) if k == 0 else after.mul_(4).sub_(now, alpha=2).sub_(before)
            total.add_(after, alpha=term)
            before, now = now, after
        return self.graph.transpose.times(total)
