"""The lists of a teacher, and how far a student's are from them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch

from recsmith.compress.csr import touched
from recsmith.serving.model import Batch, ServingModel, top_k

LISTED = 64
"""Items of the teacher's list by which a student is compared to it."""
DRAWN = 8
"""Times as many drawn items beside them."""
TEMPERATURE = 0.3
"""Of both softmaxes, over the spread of the teacher's scores."""
LEFT_OUT = -1e9
"""A score that leaves an item out of a softmax without being infinite."""


@dataclass(frozen=True)
class Lesson:
    """What a teacher says of B people: the items that it ranks first, drawn others, and their shares.

    Shapes: listed (B, c), drawn (d,) int64; shares (B, c + d) float32, 1 in each row; spread (B, 1) float32; seen
    (B, c + d) bool: of a person's history, which no list holds and nobody is compared by.
    """

    listed: torch.Tensor
    drawn: torch.Tensor
    shares: torch.Tensor
    spread: torch.Tensor
    seen: torch.Tensor

    def loss(self, queries: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Cross-entropy between the softmaxes of teacher and student over these items, a mean over people.

        Rank distillation (Tang and Wang 2018) by a loss on lists (ListNet, Cao et al. 2007, equation 6).
        Shapes: queries (B, r), items (I, r) of the student -> ().
        """
        near = torch.einsum("br,bcr->bc", queries, items[self.listed])
        found = torch.cat((near, queries @ items[self.drawn].T), dim=1) / self.spread
        return -(self.shares * torch.log_softmax(found.masked_fill(self.seen, LEFT_OUT), dim=1)).sum(dim=1).mean()

    def to(self, device: torch.device) -> Lesson:
        """The same on a device."""
        return Lesson(*(getattr(self, field.name).to(device) for field in fields(self)))


class Teacher:
    """A model that serves, and the lists that it gives to some people, made once."""

    def __init__(self, model: ServingModel, people: Batch) -> None:
        self.model, self.people = model, people
        items, scores = top_k(model, people, min(LISTED, model.n_items))
        # Where a list ends early, its first item stands in; of a person who has seen everything any item does.
        self.items = np.maximum(np.where(items < 0, items[:, :1], items), 0).astype(np.int64)
        scores = np.where(items < 0, scores[:, :1], scores)
        self.scores = np.where(np.isfinite(scores), scores, 0).astype(np.float32)

    def lesson(self, rows: np.ndarray, draw: np.random.Generator) -> Lesson:
        """What it says of the people at ``rows``. Shapes: rows (B,) int."""
        drawn = draw.integers(0, self.model.n_items, DRAWN * self.items.shape[1])
        people = self.people.take(rows)
        scores = np.concatenate((self.scores[rows], self._of(people, drawn)), axis=1)
        seen = np.zeros(scores.shape, bool)
        seen[:, self.items.shape[1] :] = touched(people, self.model.n_items)[:, drawn].toarray() > 0
        deviation = np.nanstd(np.where(seen, np.nan, scores), axis=1, keepdims=True)
        spread = torch.from_numpy(TEMPERATURE * np.maximum(deviation, 1e-12))
        hidden = torch.from_numpy(seen)
        shares = torch.softmax((torch.from_numpy(scores) / spread).masked_fill(hidden, LEFT_OUT), dim=1)
        return Lesson(torch.from_numpy(self.items[rows]), torch.from_numpy(drawn), shares, spread, hidden)

    def _of(self, batch: Batch, items: np.ndarray) -> np.ndarray:
        """Scores of some items. Shapes: items (d,) int -> (B, d) float32."""
        vectors = self.model.item_vectors
        if vectors is None:
            return self.model.rest(batch)[:, items]
        found = self.model.vectors(batch) @ vectors.rows(items).T
        return found if self.model.sparse is None else found + self.model.rest(batch)[:, items]
