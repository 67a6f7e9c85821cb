"""Weights of histories: a short list of the values that occur, and for each entry its place in it, in few bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsmith.serving import bits
from recsmith.serving.foreign import foreign
from recsmith.serving.tables import whole

PARTS = ("values", "widths", "codes")


@dataclass(frozen=True)
class Weights:
    """Shapes: values (V,) float32 descending; codes (bytes,) uint8 of ``widths`` (U,) uint8 bits each; counts (U,)."""

    values: np.ndarray
    widths: np.ndarray
    codes: np.ndarray
    counts: np.ndarray

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or not np.isfinite(self.values).all():
            raise foreign("Weights of histories hold NaN or infinity")
        numbers = whole(self.widths) and whole(self.codes)
        if not numbers or self.widths.shape != self.counts.shape or len(self.codes) != bits.size(self.start[-1]):
            raise foreign("Weights of histories do not fit their entries")

    @classmethod
    def of(cls, weights: np.ndarray, counts: np.ndarray) -> Weights:
        """Code the weights of histories, one history after another. Shapes: weights (H,), counts (U,) int64."""
        values, code = np.unique(-np.asarray(weights, np.float32), return_inverse=True)
        largest, filled = np.zeros(len(counts), np.int64), counts > 0
        if filled.any():
            largest[filled] = np.maximum.reduceat(code, (np.cumsum(counts) - counts)[filled])
        widths = np.ceil(np.log2(largest + 1)).astype(np.uint8)
        return cls(-values, widths, bits.pack(code, np.repeat(widths, counts)), counts)

    @cached_property
    def start(self) -> np.ndarray:
        """(U + 1,) int64 first bit of each history's codes."""
        return np.concatenate(([0], np.cumsum(self.counts.astype(np.int64) * self.widths)))

    def take(self, users: np.ndarray, within: np.ndarray) -> np.ndarray:
        """Weights of entries: user of each, and its place in the history. Shapes: (m,), (m,) -> (m,) float32."""
        width = self.widths[users].astype(np.int64)
        code = bits.read(self.codes, self.start[users] + within * width, width)
        if len(code) and code.max() >= len(self.values):
            raise foreign("Weights of histories name a value that is not listed")
        return self.values[code].astype(np.float32)

    def tensors(self) -> dict[str, np.ndarray]:
        """What is stored, by name."""
        return {f"history.weight_{name}": getattr(self, name) for name in PARTS}

    @classmethod
    def read(cls, tensors: Mapping[str, np.ndarray], counts: np.ndarray) -> Weights | None:
        """What :meth:`tensors` took apart; None where all weights are 1."""
        if "history.weight_values" not in tensors:
            return None
        parts = {name: tensors[f"history.weight_{name}"] for name in PARTS}
        return cls(**parts, counts=counts)
