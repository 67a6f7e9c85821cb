"""What every exact model answers, and what the two families add."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from scipy import sparse


@runtime_checkable
class Model(Protocol):
    """Scores every item for users of the graph that it was fitted on."""

    @property
    def n_users(self) -> int: ...

    @property
    def n_items(self) -> int: ...

    def scores(self, users: np.ndarray) -> torch.Tensor:
        """Scores of all items, higher is better; users without history get popularity; seen items are not masked.

        Shapes: users (B,) int -> (B, I) float32.
        """
        ...


@runtime_checkable
class Reusing(Model, Protocol):
    """A model that writes its scores into an array that is there already; fresh memory costs as much as a product."""

    def scratch(self, rows: int) -> torch.Tensor:
        """An array for the scores of ``rows`` users; shapes: -> (rows, I) float32, entries of a row contiguous."""
        ...

    def scores_into(self, users: np.ndarray, out: torch.Tensor) -> torch.Tensor:
        """As ``scores``, written into ``out``; shapes: users (B,) int, out (B, I) -> (B, I)."""
        ...


@runtime_checkable
class VectorModel(Model, Protocol):
    """A two-tower model: ``score = user_vectors item_vectors^T``; users without history get popularity."""

    @property
    def user_vectors(self) -> torch.Tensor:
        """(U, D) float32."""
        ...

    @property
    def item_vectors(self) -> torch.Tensor:
        """(I, D) float32."""
        ...

    @property
    def popularity(self) -> np.ndarray:
        """(I,) float32: the number of users of each item."""
        ...


@runtime_checkable
class FilterModel(Model, Protocol):
    """An item filter: ``score = h P`` for any history ``h``, of people in the graph or not."""

    @property
    def popularity(self) -> np.ndarray:
        """(I,) float32: the number of users of each item."""
        ...

    def apply(self, histories: sparse.csr_matrix | np.ndarray) -> np.ndarray:
        """Filter histories; an empty history gives zeros.

        Shapes: histories (B, I) -> (B, I) float32.
        """
        ...

    def rows(self, items: np.ndarray) -> np.ndarray:
        """Rows of ``P``: what each of ``items`` alone in a history gives.

        Shapes: items (B,) int -> (B, I) float32.
        """
        ...

    def times(self, vectors: np.ndarray) -> np.ndarray:
        """``P vectors``, without going over the rows where the kind allows it.

        Shapes: vectors (I, r) -> (I, r) float32.
        """
        ...


def or_popularity(scores: torch.Tensor, empty: np.ndarray, popularity: np.ndarray) -> torch.Tensor:
    """``scores`` with popularity in the rows where ``empty`` holds (in place).

    Shapes: scores (B, I) float32, empty (B,) bool, popularity (I,) -> (B, I).
    """
    if empty.any():
        rows = torch.from_numpy(np.flatnonzero(empty)).to(scores.device)
        scores[rows] = torch.as_tensor(np.asarray(popularity, np.float32), device=scores.device)
    return scores
