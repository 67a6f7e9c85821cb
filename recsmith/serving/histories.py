"""Everybody's history in little more than its entropy, read one by one or all at once.

Items are named by their place in the order of popularity, so that what many touched is a small number. A history, as an
ascending list of n such places, is coded as in Elias 1974 and Fano 1971: ``width`` low bits of each place as they are,
the rest in unary; a history has the width that suits it best.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsmith.serving import bits
from recsmith.serving.foreign import foreign
from recsmith.serving.history_weights import Weights
from recsmith.serving.model import Batch
from recsmith.serving.tables import index_type, whole

PARTS = ("counts", "spans", "widths", "low", "high")


@dataclass(frozen=True)
class Histories:
    """Shapes: counts (U,) uint items, spans (U,) uint bits of the unary part, widths (U,) uint8 low bits a place;
    low, high (bytes,) uint8; popularity (I,) orders the items; weights None where all are 1.

    Raises UserError where the parts do not fit together.
    """

    counts: np.ndarray
    spans: np.ndarray
    widths: np.ndarray
    low: np.ndarray
    high: np.ndarray
    popularity: np.ndarray
    weights: Weights | None = None

    def __post_init__(self) -> None:
        if not all(whole(getattr(self, name)) for name in PARTS):
            raise foreign("Histories are no rows of whole numbers")
        if not (self.counts.shape == self.spans.shape == self.widths.shape) or (self.widths > bits.WIDEST).any():
            raise foreign("Counts, spans and widths of histories do not fit together")
        low, high = np.dot(self.counts.astype(np.int64), self.widths), self.spans.sum(dtype=np.int64)
        if len(self.low) != bits.size(low) or len(self.high) != -(-int(high) // 8):
            raise foreign("The bits of histories are not as many as their counts say")
        if np.bitwise_count(self.high).sum() != self.counts.sum(dtype=np.int64):
            raise foreign("The offsets of histories do not fit their entries")

    @classmethod
    def of(cls, batch: Batch, popularity: np.ndarray) -> Histories:
        """Code histories; UserError where one names an item beyond the catalogue."""
        if len(batch.indices) and (batch.indices.max() >= len(popularity) or batch.indices.min() < 0):
            raise foreign(f"history names an item beyond the {len(popularity)} of the catalogue")
        counts = np.diff(batch.indptr).astype(np.int64)
        place = np.empty(len(popularity), np.int64)
        place[_order(popularity)] = np.arange(len(popularity))
        order = np.lexsort((place[batch.indices], batch.rows))
        places, last = place[batch.indices][order], np.zeros(len(counts), np.int64)
        last[counts > 0] = places[np.cumsum(counts)[counts > 0] - 1]
        widths = _best_widths(counts, last)
        spans = counts + (last >> widths)
        each = np.repeat(widths, counts)
        high = np.zeros(int(spans.sum()), bool)
        high[np.repeat(np.cumsum(spans) - spans, counts) + _within(counts) + (places >> each)] = True
        return cls(
            counts=counts.astype(index_type(counts.max(initial=0))),
            spans=spans.astype(index_type(spans.max(initial=0))),
            widths=widths.astype(np.uint8),
            low=bits.pack(places & ((1 << each) - 1), each),
            high=np.packbits(high, bitorder="little"),
            popularity=popularity,
            weights=None if batch.weights is None else Weights.of(batch.weights[order], counts),
        )

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def nbytes(self) -> int:
        """Bytes of all that is stored."""
        return sum(values.nbytes for values in self.tensors().values())

    @cached_property
    def indptr(self) -> np.ndarray:
        """(U + 1,) int64 offsets of the histories, one after another."""
        return _starts(self.counts)

    @cached_property
    def high_start(self) -> np.ndarray:
        """(U + 1,) int64 first bit of each unary part."""
        return _starts(self.spans)

    @cached_property
    def low_start(self) -> np.ndarray:
        """(U + 1,) int64 first low bit of each history."""
        return _starts(self.counts.astype(np.int64) * self.widths)

    @cached_property
    def rows(self) -> np.ndarray:
        """(U,) row of each person's stored vector: vectors are kept, in order, for those with a history; -1 else."""
        return stored_rows(self.indptr)

    @cached_property
    def order(self) -> np.ndarray:
        """(I,) int32 item at each place."""
        return _order(self.popularity).astype(np.int32)

    def take(self, users: np.ndarray) -> Batch:
        """The histories of ``users``, items ascending; empty for -1. Shapes: users (m,) int."""
        known = users >= 0
        who, lengths, rows = users[known], np.zeros(len(users), np.int64), np.full(len(users), -1)
        lengths[known], rows[known] = self.counts[who], self.rows[who]
        indices, weights = self._entries(who)
        return Batch(_starts(lengths), indices, weights, rows)

    def _entries(self, users: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Items and weights of all the histories of ``users``, one history after another."""
        counts = self.counts[users].astype(np.int64)
        run, place = bits.ones(self.high, self.high_start[users], self.spans[users].astype(np.int64))
        if not np.array_equal(np.bincount(run, minlength=len(users)), counts):
            raise foreign("The offsets of histories do not fit their entries")
        within, width = _within(counts), self.widths[users][run].astype(np.int64)
        places = (place - within) << width
        places += bits.read(self.low, self.low_start[users][run] + within * width, width)
        if len(places) and places.max() >= len(self.order):
            raise foreign(f"history names an item beyond the {len(self.order)} of the catalogue")
        key = run * len(self.order) + self.order[places]
        order = np.argsort(key)
        weights = None if self.weights is None else self.weights.take(users[run], within)[order]
        return (key[order] - run * len(self.order)).astype(np.int32), weights

    def everybody(self) -> Batch:
        """All histories."""
        return self.take(np.arange(len(self)))

    def tensors(self) -> dict[str, np.ndarray]:
        """What is stored, by name."""
        parts = {name: getattr(self, name) for name in PARTS}
        return {f"history.{name}": values for name, values in parts.items()} | (
            {} if self.weights is None else self.weights.tensors()
        )


def read(tensors: Mapping[str, np.ndarray], popularity: np.ndarray) -> Histories:
    """What :meth:`Histories.tensors` took apart, or the CSR of version 1; nobody's where there is nothing."""
    if "history.counts" not in tensors:
        indptr = tensors.get("history.indptr", np.zeros(1, np.int64))
        indices = tensors.get("history.indices", np.zeros(0, np.int64))
        return Histories.of(Batch(indptr, indices, tensors.get("history.weights")), popularity)
    parts = {name: tensors[f"history.{name}"] for name in PARTS}
    return Histories(**parts, popularity=popularity, weights=Weights.read(tensors, parts["counts"]))


def stored_rows(indptr: np.ndarray) -> np.ndarray:
    """(U,) row of each person's stored vector: vectors are kept, in order, for those with a history; -1 for others."""
    filled = np.diff(indptr) > 0
    return np.where(filled, np.cumsum(filled) - 1, -1)


def _best_widths(counts: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Low bits that make each history shortest. Shapes: counts, last (U,) -> (U,) int64."""
    best, cost = np.zeros(len(counts), np.int64), counts + last
    for width in range(1, bits.WIDEST + 1):
        other = counts * (width + 1) + (last >> width)
        best[other < cost] = width
        cost = np.minimum(cost, other)
    return best


def _order(popularity: np.ndarray) -> np.ndarray:
    return np.argsort(-popularity.astype(np.float64), kind="stable")


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))


def _within(counts: np.ndarray) -> np.ndarray:
    """0, 1, ... in each history. Shapes: counts (m,) -> (sum,)."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
