"""What all item filters share: histories, popularity, and the dense product's last step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from scipy import sparse

from recsmith.engine.vectors import popularity
from recsmith.errors import SizedOut
from recsmith.graph.graph import Graph
from recsmith.model.contract import or_popularity


def histories(graph: Graph) -> sparse.csr_matrix:
    """What filters read, (U, I) float32: 1 where an item was touched, or summed weights where any edge weighs not 1."""
    return graph.binary if bool((graph.weight == 1).all()) else graph.weighted


def as_csr(rows: sparse.csr_matrix | np.ndarray) -> sparse.csr_matrix:
    """Histories in either form, (B, I), as float32 CSR."""
    return sparse.csr_matrix(rows, dtype=np.float32)


def dense(matrix: Any, device: torch.device) -> torch.Tensor:
    """A SciPy sparse matrix as a float32 tensor on ``device``."""
    return torch.from_numpy(matrix.toarray(order="C").astype(np.float32, copy=False)).to(device)


def power(degree: np.ndarray, exponent: float) -> np.ndarray:
    """``degree ** exponent`` (float64), 0 where the degree is 0, so that nobody's row or column turns into NaN."""
    degree = np.asarray(degree, np.float64)
    return np.where(degree > 0, np.where(degree > 0, degree, 1.0) ** exponent, 0.0)


def require(needed: int, memory_mb: int, what: str) -> None:
    """SizedOut where ``needed`` bytes are more than ``memory_mb``."""
    if needed > memory_mb * 2**20:
        raise SizedOut(
            f"{what} needs {needed:,} bytes; params.yaml: run.memory_mb = {memory_mb} allows {memory_mb * 2**20:,}."
        )


class ItemFilter(ABC):
    """A filter fitted to a graph; answers for the graph's users and for any other history.

    Shapes: histories (U, I) float32; popularity (I,) float32.
    """

    def __init__(self, graph: Graph, device: torch.device) -> None:
        self.histories = histories(graph)
        self.popularity = popularity(graph)
        self.device = device

    @property
    def n_users(self) -> int:
        return len(self.histories.indptr) - 1

    @property
    def n_items(self) -> int:
        return len(self.popularity)

    @abstractmethod
    def filtered(self, rows: sparse.csr_matrix) -> torch.Tensor:
        """``rows P`` on the model's device; shapes: rows (B, I) float32 -> (B, I) float32."""

    def apply(self, histories: sparse.csr_matrix | np.ndarray) -> np.ndarray:
        """Filter any histories; an empty one gives zeros.

        Shapes: histories (B, I) -> (B, I) float32.
        """
        return self.filtered(as_csr(histories)).cpu().numpy()

    def rows(self, items: np.ndarray) -> np.ndarray:
        """Rows of ``P``: what each of ``items`` alone in a history gives.

        Shapes: items (B,) int -> (B, I) float32.
        """
        count = len(items)
        one = np.ones(count, np.float32)
        return self.apply(
            sparse.csr_matrix((one, np.asarray(items), np.arange(count + 1)), shape=(count, self.n_items))
        )

    def scores(self, users: np.ndarray) -> torch.Tensor:
        """Shapes: users (B,) int -> (B, I) float32; users without history get popularity."""
        rows = self.histories[users]
        return or_popularity(self.filtered(rows), np.diff(rows.indptr) == 0, self.popularity)
