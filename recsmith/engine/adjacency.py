"""The bipartite graph as one of N nodes, in the forms that operators multiply with."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from scipy import sparse

from recsmith.engine.attention import Pattern, pattern
from recsmith.engine.filters.base import histories
from recsmith.engine.propagate import Product, product
from recsmith.graph.graph import Graph


class Adjacency:
    """The bipartite graph as one of N = U + I nodes, users first; each form is made when it is first asked for.

    Nodes without an edge have an empty row in every form but ``with_self``.
    """

    def __init__(self, graph: Graph, device: torch.device | str = "cpu") -> None:
        self.n_users, self.n_items = graph.n_users, graph.n_items
        self.device = torch.device(device)
        weights = histories(graph).astype(np.float64)
        self._matrix = sparse.csr_matrix(sparse.bmat([[None, weights], [weights.T, None]], format="csr"))

    @property
    def n_nodes(self) -> int:
        return self.n_users + self.n_items

    @cached_property
    def symmetric(self) -> Product:
        """``D^-1/2 A D^-1/2`` (N, N)."""
        return product(normalised(self._matrix, 0.5, 0.5), self.device)

    @cached_property
    def mean(self) -> Product:
        """``D^-1 A`` (N, N): the weighted mean of the neighbours."""
        return product(normalised(self._matrix, 1.0, 0.0), self.device)

    @cached_property
    def with_self(self) -> Product:
        """``D^-1/2 (A + 1) D^-1/2`` (N, N), degrees counted with the loop."""
        loops = sparse.identity(self.n_nodes, format="csr")
        return product(normalised(sparse.csr_matrix(self._matrix + loops), 0.5, 0.5), self.device)

    @cached_property
    def edges(self) -> Pattern:
        """Who hears whom, a loop at each node included; 2 E + N entries."""
        loops = sparse.identity(self.n_nodes, format="csr")
        return pattern(sparse.csr_matrix(abs(self._matrix) + loops), self.device)


def normalised(matrix: sparse.csr_matrix, left: float, right: float) -> sparse.csr_matrix:
    """``D^-left A D^-right`` with D the row sums; rows that sum to zero or less are zero."""
    degree = np.asarray(matrix.sum(1)).ravel()
    safe = np.where(degree > 0, degree, 1.0)
    scale_left, scale_right = (np.where(degree > 0, safe**-exponent, 0.0) for exponent in (left, right))
    return sparse.csr_matrix(sparse.diags(scale_left) @ matrix @ sparse.diags(scale_right))
