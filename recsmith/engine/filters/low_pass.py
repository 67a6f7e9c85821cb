"""The ideal low-pass filter: the projection on the smoothest directions of the normalised item-item graph."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from scipy import sparse

from recsmith.engine.filters.base import ItemFilter, Means, column
from recsmith.engine.sparse.normal import degrees, histories, power
from recsmith.engine.sparse.propagate import csr
from recsmith.engine.spectral.spectrum import leading, needed_bytes
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Filter


class LowPass(ItemFilter):
    """``P = D^-a V V^T D^b`` with the leading right singular vectors ``V`` of R~ (GF-CF: Shen et al. 2021).

    Shapes: inward (I, r) = ``D^-a V``, outward (I, r) = ``D^b V``.
    """

    def __init__(self, graph: Graph, device: torch.device, inward: torch.Tensor, outward: torch.Tensor) -> None:
        super().__init__(graph, device)
        self.inward, self.outward = inward, outward

    @classmethod
    def fit(cls, architecture: Filter, graph: Graph, means: Means) -> LowPass:
        what = f"The low-pass filter's decomposition of rank {architecture.rank} (rank)"
        means.require(needed_bytes(graph, architecture.rank), what)
        vectors = leading(graph, architecture.rank, folder=means.spectra, device=means.device).right
        items = degrees(histories(graph))[1]
        inward = column(power(items, -architecture.left_exponent), means.device) * vectors
        return cls(
            graph, means.device, inward, column(power(items, architecture.right_exponent), means.device) * vectors
        )

    @cached_property
    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """``W, V`` with ``P = W V^T``; shapes: (I, r), (I, r) float32."""
        return self.inward.cpu().numpy(), self.outward.cpu().numpy()

    def filtered(self, rows: sparse.csr_matrix) -> torch.Tensor:
        return csr(rows, self.device).times(self.inward) @ self.outward.T

    def add(self, rows: sparse.csr_matrix, weight: float, out: torch.Tensor) -> None:
        out.addmm_(csr(rows, self.device).times(self.inward), self.outward.T, alpha=weight)

    def right_product(self, vectors: torch.Tensor) -> torch.Tensor:
        return self.inward @ (self.outward.T @ vectors)
