"""Item neighbours: shrunk cosine, the k most similar items of each item (Deshpande and Karypis 2004)."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from recsmith.engine.filters.base import ItemFilter, Means, dense
from recsmith.engine.rank.ranking import block_rows, blocks
from recsmith.engine.sparse.normal import histories
from recsmith.engine.sparse.propagate import csr
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
    def fit(cls, architecture: Filter, graph: Graph, means: Means) -> Neighbours:
        matrix = histories(graph)
        items = matrix.T.tocsr()
        norms = np.sqrt(np.asarray(items.multiply(items).sum(1)).ravel())
        nearest = [
            _nearest(items[start:stop] @ matrix, np.arange(start, stop), norms, architecture)
            for start, stop in blocks(graph.n_items, block_rows(graph.n_items, means.memory_mb))
        ]
        similarity = sparse.vstack(nearest, format="csr", dtype=np.float32) if nearest else items @ matrix
        return cls(graph, means.device, sparse.csr_matrix(similarity.T))

    def filtered(self, rows: sparse.csr_matrix) -> torch.Tensor:
        return dense(rows @ self.similarity, self.device)

    def right_product(self, vectors: torch.Tensor) -> torch.Tensor:
        return csr(self.similarity, self.device).times(vectors)


def _nearest(products: sparse.csr_matrix, targets: np.ndarray, norms: np.ndarray, knobs: Filter) -> sparse.csr_matrix:
    """The most similar items of each target; shapes: products (B, I) inner products, targets (B,) -> (B, I) sparse."""
    rows, columns = np.repeat(targets, np.diff(products.indptr)), products.indices
    with np.errstate(invalid="ignore"):  # an item of weights that are all 0 has no length
        cosine = np.nan_to_num(products.data / (norms[rows] * norms[columns] + knobs.shrink)).astype(np.float32)
    cosine[columns == rows] = 0
    ranges = zip(products.indptr[:-1], products.indptr[1:], strict=True)
    kept = [start + _largest(cosine[start:stop], columns[start:stop], knobs.neighbours) for start, stop in ranges]
    place = np.concatenate([np.zeros(0, np.int64), *kept])
    near = (cosine[place], (rows[place] - targets[0], columns[place]))
    return sparse.csr_matrix(near, shape=products.shape, dtype=np.float32)


def _largest(values: np.ndarray, columns: np.ndarray, k: int) -> np.ndarray:
    """Places of the ``k`` largest positive values, ties by lower column; shapes: (n,), (n,) -> (at most k,)."""
    if len(values) <= k:
        return np.flatnonzero(values > 0)
    border = max(np.partition(values, -k)[-k], 0)
    greater, equal = np.flatnonzero(values > border), np.flatnonzero((values == border) & (values > 0))
    return np.concatenate([greater, equal[np.argsort(columns[equal])][: k - len(greater)]])
