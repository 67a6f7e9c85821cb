"""Proposals as vectors of fixed length, and as neighbours of one another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from recsmith.search.encoding import Encoding, Value
from recsmith.search.tree import Tree

NEUTRAL = 0.5
"""What stands at the place of a choice that a proposal does not make: the middle, as far from all values as can be."""


class Vectors:
    """The vectors of a tree: a place for each choice (``Encoding.choices``), its values in order from 0 to 1."""

    def __init__(self, tree: Tree) -> None:
        self.encoding = Encoding(tree)
        self.values = {label: ordered(values) for label, values in self.encoding.choices.items()}

    def __len__(self) -> int:
        return len(self.values)

    def encode(self, proposal: dict[str, Any]) -> np.ndarray:
        """The vector of a proposal; shapes: -> (places,) float64 from 0 to 1."""
        sample = self.encoding.encode(proposal)
        return np.array([_place(values, sample.get(label)) for label, values in self.values.items()])

    def decode(self, vector: np.ndarray) -> dict[str, Any]:
        """The proposal whose values lie nearest to ``vector`` (places,); it may lie outside of 0 to 1."""
        sample = {
            label: values[int(np.rint(np.clip(number, 0, 1) * (len(values) - 1)))]
            for number, (label, values) in zip(vector, self.values.items(), strict=True)
        }
        return self.encoding.decode(sample)


def _place(values: list[Value], value: Value | None) -> float:
    return NEUTRAL if value is None else values.index(value) / (len(values) - 1)


def ordered(values: list[Value]) -> list[Value]:
    """Numbers ascending, names as they come."""
    numbers = all(isinstance(value, int | float) for value in values)
    return sorted(values) if numbers else list(values)


def encode(tree: Tree, proposal: dict[str, Any]) -> np.ndarray:
    """The vector of a proposal of ``tree``; shapes: -> (places,)."""
    return Vectors(tree).encode(proposal)


def decode(tree: Tree, vector: np.ndarray) -> dict[str, Any]:
    """The proposal of ``tree`` that is nearest to a vector (places,)."""
    return Vectors(tree).decode(vector)


def neighbours(tree: Tree, proposal: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Proposals that make one choice otherwise.

    Where that opens another branch, choices that stand in both keep their values and new ones take their first.
    """
    encoding = Encoding(tree)
    sample = encoding.encode(proposal)
    for label, value in sample.items():
        others = (other for other in encoding.choices[label] if other != value)
        yield from (encoding.decode({**sample, label: other}) for other in others)
