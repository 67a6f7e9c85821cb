"""Ridge regression of each item on all others: EASE (Steck 2019, equation 8).

``P = (R^T R + l2)^-1``, scores ``h B`` with ``B = 1 - P diag(1 / P_jj)``. Where there are fewer people than items, P is
never formed: ``P = (1 - R^T (R R^T + l2)^-1 R) / l2`` (Woodbury), and only the inverse of people by people is.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from recsmith.engine.filters.base import ItemFilter, Means, dense
from recsmith.engine.rank.ranking import blocks
from recsmith.engine.sparse.normal import histories
from recsmith.engine.sparse.propagate import csr
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Filter

COPIES = 3
"""Float64 matrices of the Gram's size that are alive at once while it is inverted."""
ITEM_BLOCK = 256


class Ridge(ItemFilter):
    """Either form of the inverse; shapes: items (A,) those that anybody touched."""

    items: np.ndarray

    @classmethod
    def fit(cls, architecture: Filter, graph: Graph, means: Means) -> Ridge:
        matrix = histories(graph)
        people, items = np.flatnonzero(np.diff(matrix.indptr)), np.unique(matrix.indices)
        size = min(len(people), len(items))
        means.require(8 * COPIES * size**2, f"The ridge filter's inverse of {size:,} x {size:,} (float64)")
        form = _ThroughPeople if len(people) < len(items) else _ThroughItems
        return form(graph, means.device, matrix[people][:, items], items, architecture.l2)

    @property
    def _places(self) -> torch.Tensor:
        return torch.from_numpy(self.items.astype(np.int64)).to(self.device)


class _ThroughPeople(Ridge):
    """Dual form: shapes: inner (P, P) float32 inverse, to_items (A, P) sparse, scale (A,) for A active items."""

    def __init__(
        self, graph: Graph, device: torch.device, matrix: sparse.csr_matrix, items: np.ndarray, l2: float
    ) -> None:
        super().__init__(graph, device)
        inverse = _inverse(matrix @ matrix.T, l2, device)
        columns = matrix.T.tocsr().astype(np.float64)
        parts = [_quadratic(columns[start:stop], inverse) for start, stop in blocks(len(items), ITEM_BLOCK)]
        explained = np.concatenate([np.zeros(0), *parts])
        self.items = items
        self.matrix, self.columns = matrix, csr(columns, device)
        self.inverse = inverse.float()
        self.scale = torch.from_numpy((1 / (1 - explained)).astype(np.float32)).to(device)

    def filtered(self, rows: sparse.csr_matrix) -> torch.Tensor:
        active = rows[:, self.items]
        shared = dense(active @ self.matrix.T, self.device)
        explained = self.columns.times((shared @ self.inverse).T)
        history = dense(active.T, self.device)
        scores = history - (history - explained) * self.scale[:, None]
        return _widened(scores.T, self.items, self.n_items)

    def right_product(self, vectors: torch.Tensor) -> torch.Tensor:
        active = vectors[self.items]
        scaled = active * self.scale[:, None]
        explained = self.columns.times(self.inverse @ csr(self.matrix, self.device).times(scaled))
        return torch.zeros_like(vectors).index_copy_(0, self._places, active - (scaled - explained))


class _ThroughItems(Ridge):
    """Primal form: weights (A, A) float32 for A active items, diagonal 0."""

    def __init__(
        self, graph: Graph, device: torch.device, matrix: sparse.csr_matrix, items: np.ndarray, l2: float
    ) -> None:
        super().__init__(graph, device)
        inverse = _inverse(matrix.T @ matrix, l2, device)
        weights = inverse.div_(-inverse.diagonal().clone()).fill_diagonal_(0.0)
        self.items, self.weights = items, weights.float()

    def filtered(self, rows: sparse.csr_matrix) -> torch.Tensor:
        active = rows[:, self.items]
        return _widened(csr(active, self.device).times(self.weights), self.items, self.n_items)

    def right_product(self, vectors: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(vectors).index_copy_(0, self._places, self.weights @ vectors[self.items])


def _inverse(gram: sparse.csr_matrix, l2: float, device: torch.device) -> torch.Tensor:
    """``(gram + l2)^-1``; shapes: (n, n) sparse -> (n, n) float64 on ``device``."""
    regular = gram.astype(np.float64) + l2 * sparse.identity(len(gram.indptr) - 1)
    return torch.cholesky_inverse(torch.linalg.cholesky(torch.from_numpy(regular.toarray()).to(device)))


def _quadratic(rows: sparse.csr_matrix, inverse: torch.Tensor) -> np.ndarray:
    """``r inverse r^T`` of each row; shapes: rows (B, P) sparse, inverse (P, P) -> (B,) float64."""
    return (csr(rows, inverse.device).times(inverse) * dense(rows, inverse.device)).sum(1).cpu().numpy()


def _widened(scores: torch.Tensor, items: np.ndarray, n_items: int) -> torch.Tensor:
    """Scores of the active items among all, 0 elsewhere; shapes: scores (B, A), items (A,) -> (B, n_items)."""
    if len(items) == n_items:
        return scores.contiguous()
    index = torch.from_numpy(items.astype(np.int64)).to(scores.device)
    return scores.new_zeros(len(scores), n_items).index_copy_(1, index, scores)
