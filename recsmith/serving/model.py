"""The form in which every winner serves: ``score = q V^T + h S``, popularity for empty histories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from recsmith.errors import UserError
from recsmith.serving.fold_in import FoldIn, solve
from recsmith.serving.inverted import InvertedLists, probe
from recsmith.serving.reranked import RerankedTable
from recsmith.serving.scan import scan
from recsmith.serving.select import select
from recsmith.serving.sketch import Sketch
from recsmith.serving.tables import SparseTable
from recsmith.serving.threads import each
from recsmith.serving.vector_table import VectorTable

MEMORY = 20 << 20
"""Bytes that the scores and gathered entries of one block of queries may take; each thread has a block."""
SCANNED = 8
"""Arrays as large as the scores that a scan of many queries holds."""
ENTRY = 40
"""Bytes that one gathered entry of the sparse table takes while it is summed."""


@dataclass(frozen=True)
class Query:
    """One person's history. Shapes: history (h,) int item indices, weights (h,) float32 or None for ones."""

    history: np.ndarray
    weights: np.ndarray | None = None


@dataclass(frozen=True)
class Batch:
    """Many histories in CSR, and where their stored vectors lie.

    Shapes: indptr (B + 1,) int64, indices (H,) int, weights (H,) float32 or None for ones,
    users (B,) row of each in the model's user vectors, -1 for none; None where nobody has one.
    """

    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray | None = None
    users: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def part(self, start: int, stop: int) -> Batch:
        """The queries from ``start`` up to ``stop``."""
        begin, end = int(self.indptr[start]), int(self.indptr[stop])
        return Batch(
            self.indptr[start : stop + 1] - begin,
            self.indices[begin:end],
            None if self.weights is None else self.weights[begin:end],
            None if self.users is None else self.users[start:stop],
        )

    def take(self, queries: np.ndarray) -> Batch:
        """The queries asked for, in that order. Shapes: queries (m,) int."""
        start, length = self.indptr[queries].astype(np.int64), np.diff(self.indptr)[queries].astype(np.int64)
        indptr = np.concatenate(([0], np.cumsum(length)))
        place = np.arange(indptr[-1]) + np.repeat(start - indptr[:-1], length)
        return Batch(
            indptr,
            self.indices[place],
            None if self.weights is None else self.weights[place],
            None if self.users is None else self.users[queries],
        )

    @property
    def rows(self) -> np.ndarray:
        """(H,) query of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    @property
    def values(self) -> np.ndarray:
        """(H,) float32 weight of each entry."""
        return np.ones(len(self.indices), np.float32) if self.weights is None else np.asarray(self.weights, np.float32)


@dataclass(frozen=True)
class ServingModel:
    """Tables that answer ``top_k``.

    Shapes: popularity (I,); item_vectors V (I, r); projection W (I, r) folds a history in as ``q = h W``; user_vectors
    (P, r) are stored ``q``; sparse S (I, I) has a row for each item of a history. V or S may be None, not both. What W
    (I, p) does not make of ``q`` is stored, (P, r - p), or folded in by a ridge solve.
    """

    popularity: np.ndarray
    item_vectors: VectorTable | None = None
    projection: VectorTable | None = None
    user_vectors: VectorTable | None = None
    sparse: SparseTable | None = None
    fold_in: FoldIn = field(default_factory=FoldIn)
    index: InvertedLists | None = None
    """What single queries are answered by, approximately; None: everything is scanned."""

    def __post_init__(self) -> None:
        if self.popularity.ndim != 1 or not np.isfinite(self.popularity).all():
            raise UserError("popularity has one finite number an item; this one has not.")
        if self.item_vectors is None and self.sparse is None:
            raise UserError("A model that serves has item vectors or a sparse item-item table; this one has neither.")
        if self.index is not None and (self.item_vectors is None or self.sparse is not None):
            raise UserError("An index is of item vectors alone; this model has item-item entries or no vectors.")
        for name, rank in (("item_vectors", self.rank), ("projection", min(self.projected, self.rank))):
            table: VectorTable | None = getattr(self, name)
            if table is not None and table.shape != (self.n_items, rank):
                raise UserError(f"{name} has the shape {table.shape}; {(self.n_items, rank)} is due.")
        if self.user_vectors is not None and self.user_vectors.shape[1] != self.rank - self.projected:
            raise UserError(
                f"user_vectors have {self.user_vectors.shape[1]} columns; {self.rank - self.projected} are due."
            )

    @property
    def n_items(self) -> int:
        return len(self.popularity)

    @property
    def rank(self) -> int:
        """Length of a vector; 0 where there are none."""
        return 0 if self.item_vectors is None else self.item_vectors.shape[1]

    @property
    def projected(self) -> int:
        """How many of the columns, the first, a history is projected on; the others are stored, or solved for."""
        return 0 if self.projection is None else self.projection.shape[1]

    @property
    def model_bytes(self) -> int:
        """Bytes of V, W, S, popularity and the index; what belongs to people is counted apart."""
        tables = (self.item_vectors, self.projection, self.sparse, self.index)
        return self.popularity.nbytes + sum(table.nbytes for table in tables if table is not None)

    @cached_property
    def gram(self) -> np.ndarray:
        """``V^T V`` (r - p, r - p) float64 of the columns that are not projected on, for the ridge solve."""
        assert self.item_vectors is not None
        return self.item_vectors.gram()[self.projected :, self.projected :]

    @cached_property
    def sketch(self) -> Sketch:
        """Of the item vectors, for the scan of one query."""
        assert self.item_vectors is not None
        return Sketch.of(self.item_vectors)

    def vectors(self, batch: Batch) -> np.ndarray:
        """The vector of each query, stored or folded in; zeros for empty histories. Shapes: -> (B, r) float32."""
        out = np.zeros((len(batch), self.rank), np.float32)
        if self.projection is not None:
            out[:, : self.projected] = self.projection.combined(batch.indptr, batch.indices, batch.values)
        if self.projected < self.rank:
            out[:, self.projected :] = self._stored(batch)
        return out

    def _stored(self, batch: Batch) -> np.ndarray:
        out = np.zeros((len(batch), self.rank - self.projected), np.float32)
        filled = np.diff(batch.indptr) > 0
        stored = np.full(len(batch), -1) if batch.users is None or self.user_vectors is None else batch.users
        if self.user_vectors is not None:
            here = filled & (stored >= 0)
            out[here] = self.user_vectors.rows(stored[here])
        for query in np.flatnonzero(filled & (stored < 0)).tolist():
            out[query] = self._solved(batch.part(query, query + 1))
        return out

    def scores(self, batch: Batch) -> np.ndarray:
        """Scores of all items, seen ones included; popularity for empty histories. Shapes: -> (B, I) float32."""
        out = self.rest(batch)
        if self.item_vectors is not None:
            out += self.item_vectors.dot(self.vectors(batch))
        return out

    def rest(self, batch: Batch) -> np.ndarray:
        """What of the scores is no product with item vectors: ``h S``, popularity for empty histories.

        Shapes: -> (B, I) float32.
        """
        if self.sparse is None:
            out = np.zeros((len(batch), self.n_items), np.float32)
        else:
            out = self.sparse.product(batch.indptr, batch.indices, batch.weights)
        out[np.diff(batch.indptr) == 0] = self.popularity
        return out

    def _solved(self, batch: Batch) -> np.ndarray:
        assert self.item_vectors is not None
        rows = self.item_vectors.rows(batch.indices)[:, self.projected :]
        return solve(rows, batch.values, self.gram, self.fold_in)


def batch_of(queries: Sequence[Query]) -> Batch:
    """Single queries as one batch."""
    lengths = [len(query.history) for query in queries]
    weights = [np.ones(len(q.history), np.float32) if q.weights is None else q.weights for q in queries]
    return Batch(
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        np.concatenate([np.asarray(query.history, np.int64) for query in queries] or [np.zeros(0, np.int64)]),
        np.concatenate(weights or [np.zeros(0, np.float32)]).astype(np.float32),
    )


def top_k(
    model: ServingModel,
    queries: Sequence[Query] | Batch,
    k: int,
    *,
    allow: np.ndarray | None = None,
    block: np.ndarray | None = None,
    seen: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` best items of each query, exactly; ties go to the lower item index.

    Many queries are answered a block at a time by the threads that are allowed; how many changes no list.
    One query alone of a model with an index is answered by that, unless ``allow`` names what may be chosen: then the
    best of what it looks into. Items of the history are left out unless ``seen``; ``allow`` (item indices) leaves only
    these, ``block`` leaves these out.
    Shapes: -> items (n, k) int32, -1 where there are no more; scores (n, k) float32, -inf there.
    Raises UserError where ``k`` is below 1.
    """
    if k < 1:
        raise UserError(f"k = {k}: at least one item must be asked for.")
    batch = queries if isinstance(queries, Batch) else batch_of(queries)
    hidden = _hidden(model.n_items, allow, block)
    items = np.full((len(batch), k), -1, np.int32)
    scores = np.full((len(batch), k), -np.inf, np.float32)

    def answer(run: slice) -> None:
        part = batch.part(run.start, run.stop)
        found = _indexed(model, part, hidden, k, seen) if len(batch) == 1 and allow is None else None
        items[run], scores[run] = found or _scanned(model, part, hidden, k, seen)

    each(answer, list(_blocks(model, batch)))
    return items, scores


Found = tuple[np.ndarray, np.ndarray]


def _indexed(model: ServingModel, query: Batch, hidden: np.ndarray, k: int, seen: bool) -> Found | None:
    """The list of one query by the index; None where there is none, or what it looks into does not fill the list."""
    if model.index is None or model.item_vectors is None or not len(query.indices):
        return None
    left_out = hidden if seen else np.concatenate((hidden, query.indices))
    return probe(model.index, model.item_vectors, model.sketch, model.vectors(query)[0], left_out, k)


def _scanned(model: ServingModel, part: Batch, hidden: np.ndarray, k: int, seen: bool) -> Found:
    """The lists of some queries by all scores."""
    table = model.item_vectors
    if isinstance(table, RerankedTable):
        return table.best(model.vectors(part), _hide(model.rest(part), part, hidden, seen), k)
    if table is None or not (len(part) == 1 or model.sketch.fast):
        return select(_hide(model.scores(part), part, hidden, seen), k)
    rest = None if model.sparse is None and np.diff(part.indptr).all() else model.rest(part)
    return scan(
        table, model.sketch, model.vectors(part), k, rest=rest, hide=lambda scores: _hide(scores, part, hidden, seen)
    )


def _hide(scores: np.ndarray, batch: Batch, hidden: np.ndarray, seen: bool) -> np.ndarray:
    """``scores`` (B, I) with -inf, in place, for what may not be recommended."""
    if not seen:
        scores[batch.rows, batch.indices] = -np.inf
    if len(hidden):
        scores[:, hidden] = -np.inf
    return scores


def _hidden(n_items: int, allow: np.ndarray | None, block: np.ndarray | None) -> np.ndarray:
    if allow is None and block is None:
        return np.zeros(0, np.int64)
    hidden = np.zeros(n_items, bool)
    if allow is not None:
        hidden[:] = True
        hidden[allow] = False
    if block is not None:
        hidden[block] = True
    return np.flatnonzero(hidden)


def _blocks(model: ServingModel, batch: Batch) -> Iterator[slice]:
    """Runs of queries whose scores and gathered sparse entries fit ``MEMORY``; one query at least."""
    if len(batch) == 1:
        yield slice(0, 1)
        return
    entries = np.zeros(model.n_items) if model.sparse is None else np.diff(model.sparse.indptr.astype(np.int64))
    held = np.concatenate(([0], np.cumsum(ENTRY * entries[batch.indices] + 4 * model.rank)))
    arrays = SCANNED if model.item_vectors is not None and model.sketch.fast else 1
    cost = np.cumsum(4 * model.n_items * arrays + np.diff(held[batch.indptr]))
    start = 0
    while start < len(batch):
        spent = cost[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(cost, spent + MEMORY, side="right")))
        yield slice(start, stop)
        start = stop
