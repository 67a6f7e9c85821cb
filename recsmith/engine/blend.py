"""Blends: fitted candidates whose scores, each divided by its spread, are added up with weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from recsmith.model.contract import Model, or_popularity

SAMPLED = 512
"""Users whose scores tell the spread of a model's scores."""


class BlendModel:
    """``score = sum_k f_k score_k``; users without history get popularity.

    Shapes: popularity (I,) float32, empty (U,) bool: who has no history.
    """

    def __init__(self, parts: Sequence[tuple[float, Model]], popularity: np.ndarray, empty: np.ndarray) -> None:
        self.parts, self.popularity, self.empty = tuple(parts), popularity, empty

    @property
    def n_users(self) -> int:
        return len(self.empty)

    @property
    def n_items(self) -> int:
        return len(self.popularity)

    def scores(self, users: np.ndarray) -> torch.Tensor:
        """Shapes: users (B,) int -> (B, I) float32."""
        (factor, first), *others = self.parts
        out = first.scores(users) * factor
        for factor, part in others:
            out.add_(part.scores(users), alpha=factor)
        return or_popularity(out, self.empty[users], self.popularity)


def spread(model: Model, filled: np.ndarray, seed: int) -> float:
    """The standard deviation of a model's scores over all items and some drawn users; 1 where all are equal.

    Shapes: filled (n,) int, the users with a history.
    """
    drawn = np.sort(np.random.default_rng(seed).choice(filled, min(SAMPLED, len(filled)), replace=False))
    found = float(model.scores(drawn).double().std())
    return found if found > 0 else 1.0
