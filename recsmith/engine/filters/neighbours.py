"""Item neighbours: shrunk cosine, the k most similar items of each item (Deshpande and Karypis 2004)."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from recsmith.engine.filters.base import ItemFilter, dense, histories
from recsmith.engine.ranking import block_rows, blocks, top_of
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Filter


class Neighbours(ItemFilter):
    """``S_ij = r_i^T r_j / (|r_i| |r_j| + shrink)`` where i is one of the k nearest of j (not j itself), else 0.

    Shapes: similarity (I, I) sparse, at most k entries a column.
    """

    def __init__(self, graph: Graph, device: torch.device, similarity: sparse.csr_matrix) -> None:
        super().__init__(graph, device)
        self.similarity = similarity

    @classmethod
    def fit(cls, architecture: Filter, graph: Graph, memory_mb: int, device: torch.device) -> Neighbours:
        matrix = histories(graph)
        items = matrix.T.tocsr()
        norms = np.sqrt(np.asarray(items.multiply(items).sum(1)).ravel())
        nearest = [
            _nearest(items[start:stop] @ matrix, np.arange(start, stop), norms, architecture)
            for start, stop in blocks(graph.n_items, block_rows(graph.n_items, memory_mb))
        ]
        similarity = sparse.vstack(nearest, format="csr", dtype=np.float32) if nearest else items @ matrix
        return cls(graph, device, sparse.csr_matrix(similarity.T))

    def filtered(self, rows: sparse.csr_matrix) -> torch.Tensor:
        return dense(rows @ self.similarity, self.device)


def _nearest(products: sparse.csr_matrix, targets: np.ndarray, norms: np.ndarray, knobs: Filter) -> sparse.csr_matrix:
    """The most similar items of each target; shapes: products (B, I) inner products, targets (B,) -> (B, I) sparse."""
    rows = np.repeat(targets, np.diff(products.indptr))
    scale = norms[rows] * norms[products.indices] + knobs.shrink
    cosine = sparse.csr_matrix((products.data / scale, products.indices, products.indptr), shape=products.shape)
    near = dense(cosine, torch.device("cpu"))
    near[torch.arange(len(targets)), torch.from_numpy(targets)] = 0
    columns, values = top_of(near.masked_fill_(near <= 0, -torch.inf), min(knobs.neighbours, near.shape[1]))
    place = np.nonzero(columns >= 0)
    return sparse.csr_matrix((values[place], (place[0], columns[place])), shape=products.shape, dtype=np.float32)
