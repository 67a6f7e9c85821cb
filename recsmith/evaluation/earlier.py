"""A model of an earlier day, asked in the numbering of a later one."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch


class Earlier(ABC):
    """It answers with what it knew then: people who came later get its popularity list, items that came later no place.

    Shapes: users (U,), items (I,) its own row of each user and item of the later day, -1 for none.
    """

    def __init__(self, users: np.ndarray, items: np.ndarray) -> None:
        self.users, self.items = users, items

    @property
    def n_users(self) -> int:
        return len(self.users)

    @property
    def n_items(self) -> int:
        return len(self.items)

    def scores(self, users: np.ndarray) -> torch.Tensor:
        """Shapes: users (B,) int -> (B, I) float32, minus infinity for items that it does not know."""
        out = np.full((len(users), self.n_items), -np.inf, np.float32)
        known = np.flatnonzero(self.items >= 0)
        out[:, known] = self.own_scores(self.users[users])[:, self.items[known]]
        return torch.from_numpy(out)

    @abstractmethod
    def own_scores(self, rows: np.ndarray) -> np.ndarray:
        """In its own numbering; -1 is somebody whom it does not know. Shapes: rows (B,) int -> (B, own I) float32."""
