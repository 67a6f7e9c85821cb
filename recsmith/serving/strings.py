"""Columns of ids and titles as two tensors: all bytes in a row, and where each string ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Strings:
    """Strings by index, read lazily. Shapes: offsets (n + 1,) int, data (bytes,) uint8 UTF-8."""

    offsets: np.ndarray
    data: np.ndarray

    @classmethod
    def of(cls, values: Iterable[str]) -> Strings:
        """Pack strings."""
        parts = [value.encode() for value in values]
        offsets = np.concatenate(([0], np.cumsum([len(part) for part in parts]))).astype(np.int64)
        return cls(offsets, np.frombuffer(b"".join(parts), np.uint8))

    @classmethod
    def joined(cls, first: Strings, second: Strings) -> Strings:
        """One column after the other."""
        offsets = np.concatenate((first.offsets, second.offsets[1:] + np.int64(first.offsets[-1])))
        return cls(offsets, np.concatenate((first.data, second.data)))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> str:
        return self.data[self.offsets[index] : self.offsets[index + 1]].tobytes().decode()

    def __iter__(self) -> Iterator[str]:
        data, ends = self.data.tobytes(), self.offsets.tolist()
        return (data[start:end].decode() for start, end in pairwise(ends))

    @cached_property
    def index(self) -> dict[str, int]:
        """Place of each string; built once, when first asked for."""
        return {value: place for place, value in enumerate(self)}

    def find(self, values: Iterable[str]) -> np.ndarray:
        """The index of each value, -1 where it is unknown. Shapes: (m,) -> (m,) int64."""
        return np.array([self.index.get(value, -1) for value in values], np.int64)

    def take(self, places: np.ndarray) -> Strings:
        """The strings at ``places``, in that order. Shapes: places (m,) int."""
        start, length = self.offsets[places], np.diff(self.offsets)[places]
        offsets = np.concatenate(([0], np.cumsum(length))).astype(np.int64)
        source = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], length)
        return Strings(offsets, np.asarray(self.data[source]))
