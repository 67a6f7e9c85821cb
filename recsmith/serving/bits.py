"""Whole numbers of few bits, one after another, the first in the lowest bits of a byte."""

from __future__ import annotations

import numpy as np

WIDEST = 24
"""Bits of a number at most: with the bits before it in its first byte it lies in four bytes."""
PADDING = 4
"""Bytes at the end, so that the last number is read like the others."""


def pack(values: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Numbers of so many bits each. Shapes: values, widths (m,) int -> (ceil(bits / 8) + PADDING,) uint8."""
    ends = np.cumsum(widths, dtype=np.int64)
    start = ends - widths
    out = np.zeros(size(ends[-1] if len(ends) else 0), np.uint8)
    shifted = values.astype(np.uint32) << (start & 7).astype(np.uint32)
    for byte in range(4):
        np.bitwise_or.at(out, (start >> 3) + byte, (shifted >> np.uint32(8 * byte)).astype(np.uint8))
    return out


def size(bits: int) -> int:
    """Bytes that so many bits take when they are packed."""
    return -(-int(bits) // 8) + PADDING


def read(packed: np.ndarray, start: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """The numbers that begin at these bits. Shapes: start, widths (m,) int -> (m,) int64."""
    byte = start >> 3
    word = packed[byte].astype(np.int64)
    for n in range(1, 4):
        word |= packed[byte + n].astype(np.int64) << (8 * n)
    return (word >> (start & 7)) & ((1 << widths.astype(np.int64)) - 1)


def ones(packed: np.ndarray, start: np.ndarray, spans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Runs of bits that are looked through for ones: the run of each one, and its place in that run.

    Shapes: start, spans (m,) int64 -> (o,), (o,) int64.
    """
    run = np.repeat(np.arange(len(spans)), spans)
    place = np.arange(len(run)) - np.repeat(np.cumsum(spans) - spans, spans)
    bit = start[run] + place
    found = np.flatnonzero((packed[bit >> 3] >> (bit & 7).astype(np.uint8)) & 1)
    return run[found], place[found]
