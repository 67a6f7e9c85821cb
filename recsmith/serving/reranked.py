"""A table of one or few bits that is scanned, and a finer one by which the best of the scan are scored again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsmith.errors import UserError
from recsmith.serving.packed import PackedTable
from recsmith.serving.select import ordered, select
from recsmith.serving.vector_table import COUNT, VectorTable


@dataclass(frozen=True)
class RerankedTable(VectorTable):
    """Rows of ``exact``; the ``count`` best by ``scanned`` alone are ever scored by them.

    Shapes: scanned, exact (n, r). Raises UserError where the two differ in shape or nothing is to be scored again.
    """

    scanned: PackedTable
    exact: VectorTable
    count: int

    def check(self) -> None:
        if self.scanned.shape != self.exact.shape:
            raise UserError(f"A table of shape {self.scanned.shape} cannot be scanned for one of {self.exact.shape}.")
        if self.count < 1:
            raise UserError(f"{self.count} items to score again; at least one is due.")

    @property
    def shape(self) -> tuple[int, int]:
        return self.exact.shape

    @property
    def precision(self) -> str:
        return "reranked"

    @property
    def nbytes(self) -> int:
        """Bytes of both, and of the count."""
        return self.scanned.nbytes + self.exact.nbytes + COUNT

    def rows(self, index: np.ndarray | slice) -> np.ndarray:
        return self.exact.rows(index)

    def take(self, index: np.ndarray) -> RerankedTable:
        return RerankedTable(self.scanned.take(index), self.exact.take(index), self.count)

    def best(self, queries: np.ndarray, rest: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The ``k`` best of the ``count`` (or ``k``) best of the scan; ties go to the lower index.

        Shapes: queries (B, r), rest (B, n) float32, what is added to each score, -inf where an item may not be chosen
        -> items (B, k) int32, -1 where there are no more; scores (B, k) float32, -inf there.
        """
        near, _ = select(self.scanned.dot(queries) + rest, min(max(self.count, k), self.shape[0]))
        query, place = np.nonzero(near >= 0)
        items = near[query, place].astype(np.int64)
        scores = np.einsum("mr,mr->m", self.exact.rows(items), queries[query]) + rest[query, items]
        return ordered(query, items, scores.astype(np.float32), len(queries), k)
