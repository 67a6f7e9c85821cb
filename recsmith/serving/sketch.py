"""Item vectors in eight bits with a bound of what that loses: a scan of them leaves few items to score exactly.

An int8 table is its own sketch. Where the library numkong is installed it multiplies (int8 by int8, AMX or AVX-512);
otherwise numpy does, several times slower. What is found does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from recsmith.serving.tables import Table
from recsmith.serving.vector_table import BLOCK, VectorTable

LEVELS = 127
ROUNDING = 4e-6
"""Of a product of two float32 vectors, relative to their lengths; generous."""


@dataclass(frozen=True)
class Sketch:
    """Shapes: codes (n, r) int8 and scale (n,) float32 with ``row ~ codes * scale``; loss (n,) length of what is lost,
    length (n,) of the rows."""

    codes: np.ndarray
    scale: np.ndarray
    loss: np.ndarray
    length: np.ndarray

    @classmethod
    def of(cls, table: VectorTable) -> Sketch:
        """The sketch of a table."""
        codes, scale = (table.values, table.scale) if isinstance(table, Table) else (None, None)
        if codes is None or scale is None:
            codes, scale = _eight_bits(table)
        loss, length = (np.empty(table.shape[0], np.float32) for _ in range(2))
        for part in table.parts():
            rows = table.rows(part)
            loss[part] = np.linalg.norm(rows - codes[part] * scale[part, None].astype(np.float32), axis=1)
            length[part] = np.linalg.norm(rows, axis=1)
        return cls(codes, scale.astype(np.float32), loss, length)

    def take(self, index: np.ndarray) -> Sketch:
        """The sketch of some rows. Shapes: index (m,)."""
        return Sketch(self.codes[index], self.scale[index], self.loss[index], self.length[index])

    def scores(self, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Products with every row, and by how much each may be off. Shapes: query (r,) -> (n,) float32 twice."""
        product, off = self._integers(query) if self._packed is not None else (self._floats(query), 0.0)
        size = float(np.linalg.norm(query))
        slack = self.length * np.float32(off + ROUNDING * size)
        if self._loses:
            slack += self.loss * np.float32(size)
        return product, slack

    def _floats(self, query: np.ndarray) -> np.ndarray:
        out = np.empty(len(self.codes), np.float32)
        step = max(1, BLOCK // max(1, len(query)))
        for start in range(0, len(out), step):
            np.matmul(self.codes[start : start + step].astype(np.float32), query, out=out[start : start + step])
        out *= self.scale
        return out

    def _integers(self, query: np.ndarray) -> tuple[np.ndarray, float]:
        """The product with the query in eight bits, and the length of what they leave of it."""
        assert self._packed is not None
        scale = float(np.abs(query).max(initial=0)) / LEVELS or 1.0
        digits = np.rint(query / scale)
        out = self._packed(digits[None].astype(np.int8))[0].astype(np.float32)
        out *= self.scale
        out *= np.float32(scale)
        return out, float(np.linalg.norm(query - scale * digits))

    @cached_property
    def _loses(self) -> bool:
        return bool(self.loss.any())

    @cached_property
    def _packed(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """Multiplies int8 queries (m, r) with the codes: (m, n) int32; None where numkong is not installed."""
        library = numkong()
        if library is None:
            return None
        packed = library.dots_pack(np.ascontiguousarray(self.codes))
        return lambda queries: np.asarray(library.dots_packed(queries, packed))


def numkong() -> Any:
    """The library, or None: it is an extra, and bundles open without it."""
    try:
        import numkong
    except ImportError:
        return None
    return numkong


def _eight_bits(table: VectorTable) -> tuple[np.ndarray, np.ndarray]:
    codes, scale = np.empty(table.shape, np.int8), np.empty(table.shape[0], np.float32)
    for part in table.parts():
        rows = table.rows(part)
        largest = np.abs(rows).max(axis=1, initial=0) / LEVELS
        scale[part] = np.where(largest > 0, largest, 1)
        codes[part] = np.rint(rows / scale[part, None])
    return codes, scale
