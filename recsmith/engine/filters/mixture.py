"""Weighted sums of filters."""

from __future__ import annotations

import numpy as np
import torch
from numpy.polynomial import chebyshev
from scipy import sparse

from recsmith.engine.filters.base import ItemFilter, Means
from recsmith.engine.filters.kinds import PARTS
from recsmith.engine.filters.polynomial import Polynomial, terms
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Filter

SERIES = ("linear", "polynomial")


class Mixture(ItemFilter):
    """``P = sum_k w_k P_k``."""

    def __init__(self, graph: Graph, device: torch.device, parts: list[tuple[float, ItemFilter]]) -> None:
        super().__init__(graph, device)
        self.parts = parts

    @classmethod
    def fit(cls, architecture: Filter, graph: Graph, means: Means) -> Mixture:
        """Polynomials of equal exponents become one, which costs as much as the longest of them."""
        parts: list[tuple[float, ItemFilter]] = [
            (1.0, Polynomial(graph, means.device, exponents, series))
            for exponents, series in _series(architecture).items()
        ]
        for weight, part in zip(architecture.weights, architecture.parts, strict=True):
            if part.kind not in SERIES:
                parts.append((weight, PARTS[part.kind](part, graph, means)))
        return cls(graph, means.device, parts)

    def filtered(self, rows: sparse.csr_matrix) -> torch.Tensor:
        (weight, first), *others = self.parts
        out = first.filtered(rows)
        if weight != 1:
            out.mul_(weight)
        for weight, part in others:
            part.add(rows, weight, out)
        return out

    def right_product(self, vectors: torch.Tensor) -> torch.Tensor:
        out = torch.zeros_like(vectors)
        for weight, part in self.parts:
            out.add_(part.right_product(vectors), alpha=weight)
        return out


def _series(knobs: Filter) -> dict[tuple[float, float], np.ndarray]:
    """The sum of the weighted series of each pair of exponents."""
    sums: dict[tuple[float, float], np.ndarray] = {}
    for weight, part in zip(knobs.weights, knobs.parts, strict=True):
        if part.kind in SERIES:
            exponents = part.left_exponent, part.right_exponent
            sums[exponents] = chebyshev.chebadd(sums.get(exponents, np.zeros(1)), weight * terms(part))
    return sums
