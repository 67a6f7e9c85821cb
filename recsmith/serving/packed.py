"""Tables of one, two or four bits a number: places in a few levels, with a scale for each row or block of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsmith.errors import UserError
from recsmith.serving.tables import check_scales
from recsmith.serving.vector_table import COUNT, VectorTable

BITS = (1, 2, 4)


@dataclass(frozen=True)
class PackedTable(VectorTable):
    """``row = levels[code] * scale``; the codes of a row lie one after another, the first in the lowest bits of a byte.

    Shapes: codes (n, ceil(r bits / 8)) uint8; levels (2^bits,) float32; scale (n, B) float16 | float32 for ``B``
    blocks of equally many columns, of which the last may have fewer; columns ``r``.
    Raises UserError on bits other than 1, 2 and 4 and on scales that are not positive and finite.
    """

    codes: np.ndarray
    levels: np.ndarray
    scale: np.ndarray
    columns: int

    def check(self) -> None:
        if self.levels.shape not in [(2**bits,) for bits in BITS] or not np.isfinite(self.levels).all():
            raise UserError(f"A packed table has 2, 4 or 16 finite levels; these are {self.levels.tolist()}.")
        if self.codes.dtype != np.uint8 or self.codes.shape != (len(self.scale), -(-self.columns * self.bits // 8)):
            raise UserError(
                f"Codes of shape {self.codes.shape} do not hold {self.columns} columns of {self.bits} bits."
            )
        check_scales(self.scale, (len(self.codes), self.blocks))
        if self.blocks and self.width * (self.blocks - 1) >= self.columns:
            raise UserError(f"{self.columns} columns cannot be parted into {self.blocks} equal blocks.")

    @property
    def bits(self) -> int:
        return len(self.levels).bit_length() - 1

    @property
    def blocks(self) -> int:
        """Scales of a row."""
        return self.scale.shape[1]

    @property
    def width(self) -> int:
        """Columns of a block."""
        return -(-self.columns // self.blocks)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.codes), self.columns

    @property
    def precision(self) -> str:
        return f"int{self.bits}"

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes + self.levels.nbytes + self.scale.nbytes + COUNT

    def rows(self, index: np.ndarray | slice) -> np.ndarray:
        codes, scale = self.codes[index], self.scale[index].astype(np.float32)
        values = np.take(self.words, codes, axis=0).reshape(len(codes), codes.shape[1] * 8 // self.bits)[
            :, : self.columns
        ]
        return values * (scale if self.blocks == 1 else np.repeat(scale, self.width, axis=1)[:, : self.columns])

    def take(self, index: np.ndarray) -> PackedTable:
        return PackedTable(self.codes[index], self.levels, self.scale[index], self.columns)

    def dot(self, queries: np.ndarray) -> np.ndarray:
        """As of any table. For one query, what each byte adds is looked up, so that no row is widened."""
        if len(queries) != 1 or self.blocks != 1:
            return super().dot(queries)
        per = 8 // self.bits
        padded = np.pad(queries[0], (0, self.codes.shape[1] * per - self.columns))
        adds = padded.reshape(self.codes.shape[1], per) @ self.words.T
        out = np.zeros((1, len(self.codes)), np.float32)
        for byte, added in enumerate(adds):
            out[0] += added[self.codes[:, byte]]
        out *= self.scale[:, 0]
        return out

    @cached_property
    def words(self) -> np.ndarray:
        """(256, 8 / bits) float32: the levels that each byte stands for."""
        return self.levels[unpack(np.arange(256, dtype=np.uint8)[:, None], self.bits)].astype(np.float32)


def pack(places: np.ndarray, bits: int) -> np.ndarray:
    """Places below ``2^bits``, 8 / bits of them in a byte. Shapes: (n, r) -> (n, ceil(r bits / 8)) uint8."""
    per = 8 // bits
    padded = np.pad(places.astype(np.uint8), ((0, 0), (0, -places.shape[1] % per)))
    shifted = padded.reshape(len(places), padded.shape[1] // per, per) << (bits * np.arange(per, dtype=np.uint8))
    return np.bitwise_or.reduce(shifted, axis=2).astype(np.uint8)


def unpack(codes: np.ndarray, bits: int) -> np.ndarray:
    """The places in each byte. Shapes: (n, b) uint8 -> (n, b * 8 / bits) uint8."""
    shifts = bits * np.arange(8 // bits, dtype=np.uint8)
    return ((codes[:, :, None] >> shifts) & np.uint8(2**bits - 1)).reshape(len(codes), codes.shape[1] * 8 // bits)
