"""The same list for everybody: items by the number of users who touched them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from recsmith.baselines.candidate import Candidate
from recsmith.config.baseline import Baseline
from recsmith.engine import vectors
from recsmith.engine.fit import FitSettings
from recsmith.graph.graph import Graph


@dataclass(frozen=True)
class Popularity:
    """Shapes: popularity (I,) float32."""

    n_users: int
    popularity: np.ndarray

    @property
    def n_items(self) -> int:
        return len(self.popularity)

    def scores(self, users: np.ndarray) -> torch.Tensor:
        """Shapes: users (B,) int -> (B, I) float32."""
        return torch.from_numpy(self.popularity).repeat(len(users), 1)


def candidates(params: Baseline) -> list[Candidate]:
    """One; there is nothing to tune."""
    return [Candidate("popularity")]


def fit(candidate: Candidate, graph: Graph, settings: FitSettings) -> Popularity:
    """Count the users of each item."""
    return Popularity(graph.n_users, vectors.popularity(graph))
