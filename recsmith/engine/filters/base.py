"""What all item filters share: histories, popularity, and what they are fitted with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse

from recsmith.engine.sparse.normal import histories
from recsmith.engine.vectors import popularity
from recsmith.errors import SizedOut
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Filter
from recsmith.model.contract import or_popularity


@dataclass(frozen=True)
class Means:
    """What a fit may use: memory, a device, and the folder where decompositions are kept (None: none are)."""

    memory_mb: int
    device: torch.device
    spectra: Path | None = None

    def require(self, needed: int, what: str) -> None:
        """SizedOut where ``needed`` bytes are more than there are."""
        if needed > self.memory_mb * 2**20:
            raise SizedOut(
                f"{what} needs {needed:,} bytes; params.yaml: run.memory_mb = {self.memory_mb} allows "
                f"{self.memory_mb * 2**20:,}."
            )


Fit = Callable[[Filter, Graph, Means], "ItemFilter"]


def as_csr(rows: sparse.csr_matrix | np.ndarray) -> sparse.csr_matrix:
    """Histories in either form, (B, I), as float32 CSR."""
    return sparse.csr_matrix(rows, dtype=np.float32)


def dense(matrix: Any, device: torch.device) -> torch.Tensor:
    """A SciPy sparse matrix as a float32 tensor on ``device``."""
    return torch.from_numpy(matrix.toarray(order="C").astype(np.float32, copy=False)).to(device)


def columns(rows: sparse.csr_matrix, device: torch.device) -> torch.Tensor:
    """Histories side by side; shapes: rows (B, I) sparse -> (I, B) float32 on ``device``."""
    return dense(rows.T, device)


def column(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """(n,) numbers as a float32 column (n, 1) on ``device``."""
    return torch.from_numpy(np.asarray(values, np.float32)).to(device)[:, None]


class ItemFilter(ABC):
    """A filter fitted to a graph; answers for the graph's users and for any other history.

    ``histories`` are what it is fitted to, ``queries`` what it is asked: the same, or faded (``Filter.recency``).

    Shapes: histories, queries (U, I) float32; popularity (I,) float32.
    """

    def __init__(self, graph: Graph, device: torch.device) -> None:
        self.histories = self.queries = histories(graph)
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

    @abstractmethod
    def right_product(self, vectors: torch.Tensor) -> torch.Tensor:
        """``P vectors`` on the model's device; shapes: vectors (I, r) float32 -> (I, r) float32."""

    def add(self, rows: sparse.csr_matrix, weight: float, out: torch.Tensor) -> None:
        """Add ``weight * rows P`` to ``out`` (B, I) in place."""
        out.add_(self.filtered(rows), alpha=weight)

    def times(self, vectors: np.ndarray) -> np.ndarray:
        """``P vectors``, without the rows of P where the kind allows it.

        Shapes: vectors (I, r) -> (I, r) float32.
        """
        return self.right_product(torch.from_numpy(np.asarray(vectors, np.float32)).to(self.device)).cpu().numpy()

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
        rows = self.queries[users]
        return or_popularity(self.filtered(rows), np.diff(rows.indptr) == 0, self.popularity)
