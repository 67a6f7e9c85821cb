"""The linear filter of the normalised item-item graph, never formed as a matrix of items by items.

``P = D^-a R~^T R~ D^b`` with ``R~ = D_u^-1/2 R D_i^-1/2`` (Shen et al. 2021, GF-CF, with free degree exponents).
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from recsmith.engine.filters.base import ItemFilter, dense, histories, power
from recsmith.engine.propagate import Csr, csr
from recsmith.engine.ranking import blocks
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Filter

MOST = 16_000_000
"""Entries of the dense people-by-histories array between the two products (64 MB)."""


class Linear(ItemFilter):
    """Two sparse products: the history to the people who share its items, and from them to their items.

    Shapes: to_people (I, U) sparse, to_items (I, U) sparse (the transpose of what is applied).
    """

    def __init__(self, graph: Graph, device: torch.device, to_people: sparse.csr_matrix, to_items: Csr) -> None:
        super().__init__(graph, device)
        self.to_people, self.to_items = to_people, to_items

    @classmethod
    def fit(cls, architecture: Filter, graph: Graph, memory_mb: int, device: torch.device) -> Linear:
        matrix = histories(graph)
        size = abs(matrix).astype(np.float64)
        people, items = np.asarray(size.sum(1)).ravel(), np.asarray(size.sum(0)).ravel()
        smooth = (sparse.diags(power(people, -0.5)) @ matrix @ sparse.diags(power(items, -0.5))).T.tocsr()
        left = sparse.diags(power(items, -architecture.left_exponent)) @ smooth
        right = sparse.diags(power(items, architecture.right_exponent)) @ smooth
        return cls(graph, device, sparse.csr_matrix(left, dtype=np.float32), csr(sparse.csr_matrix(right), device))

    def filtered(self, rows: sparse.csr_matrix) -> torch.Tensor:
        width = max(MOST // max(self.n_users, 1), 1)
        parts = [self._filtered(rows[start:stop]) for start, stop in blocks(len(rows.indptr) - 1, width)]
        return torch.cat([torch.zeros(0, self.n_items, device=self.device), *parts])

    def _filtered(self, rows: sparse.csr_matrix) -> torch.Tensor:
        people = dense((rows @ self.to_people).T, self.device)
        return self.to_items.times(people).T
