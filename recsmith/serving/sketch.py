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
from recsmith.serving.vector_table import BLOCK, VectorTable, row_lengths

LEVELS = 127
ROUNDING = 4e-6
"""Of a product of two float32 vectors, relative to their lengths; generous."""


@dataclass(frozen=True)
class Sketch:
    """Shapes: codes (n, r) int8 and scale (n,) float32 with ``row ~ codes * scale``; lengths (n, 2) float32 of each row
    and of what is lost of it."""

    codes: np.ndarray
    scale: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, table: VectorTable) -> Sketch:
        """The sketch of a table."""
        codes, scale = (table.values, table.scale) if isinstance(table, Table) else (None, None)
        if codes is None or scale is None:
            codes, scale = _eight_bits(table)
        lengths = np.empty((table.shape[0], 2), np.float32)
        for part in table.parts():
            rows = table.rows(part)
            lengths[part, 0] = row_lengths(rows)
            lengths[part, 1] = row_lengths(rows - codes[part] * scale[part, None].astype(np.float32))
        return cls(codes, scale.astype(np.float32), lengths)

    def take(self, index: np.ndarray) -> Sketch:
        """The sketch of some rows. Shapes: index (m,)."""
        return Sketch(self.codes[index], self.scale[index], self.lengths[index])

    def scores(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Products with every row, and what times ``lengths`` they are off by at most.

        Shapes: queries (B, r) -> (B, n) and (B, 2) float32.
        """
        product, off = self._integers(queries) if self.fast else (self._floats(queries), np.zeros(len(queries)))
        size = row_lengths(queries)
        return product, np.stack((off + ROUNDING * size, size), axis=1).astype(np.float32)

    def _floats(self, queries: np.ndarray) -> np.ndarray:
        out = np.empty((len(queries), len(self.codes)), np.float32)
        step = max(1, BLOCK // max(1, queries.shape[1]))
        for start in range(0, len(self.codes), step):
            part = slice(start, start + step)
            out[:, part] = queries @ self.codes[part].astype(np.float32).T
        out *= self.scale
        return out

    def _integers(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The products with the queries in eight bits, and the length of what they leave of each. Shapes: -> (B,)."""
        assert self._packed is not None
        scale = np.abs(queries).max(axis=1, initial=0, keepdims=True) / np.float32(LEVELS)
        scale[scale == 0] = 1
        digits = np.rint(queries / scale)
        out = np.multiply(self._packed(digits.astype(np.int8)), self.scale, dtype=np.float32, casting="unsafe")
        out *= scale
        return out, row_lengths(queries - scale * digits)

    @property
    def fast(self) -> bool:
        """Whether the library multiplies, so that many queries at once are scanned faster than they are multiplied."""
        return self._packed is not None

    @cached_property
    def longest(self) -> np.ndarray:
        """(2,) float32: the largest of ``lengths``."""
        return self.lengths.max(axis=0, initial=0)

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
