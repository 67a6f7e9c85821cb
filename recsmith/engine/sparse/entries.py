"""The directed entries of a graph of N nodes, as arrays: who hears whom, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from recsmith.engine.sparse.edges import Edges
from recsmith.engine.sparse.normal import histories
from recsmith.graph.graph import Graph


@dataclass(frozen=True)
class Entries:
    """Row hears column, once an entry.

    Shapes:
        rows, columns (M,) integers: the target and the source of each entry, below N; ordered by row.
        weight (M,) float: what it weighs in sums over neighbours; parallel entries add up (``Edges.weights``).
        pair (M,) integers: entries of one interaction, in both directions, bear one number (``Edges.pairs``).
        features (M, F) float32: attributes (``Edges.features``); None where no operator reads them.
        scale (M,) float: one over the chance that the entry had to be here; None: it is here for certain.
    """

    rows: np.ndarray
    columns: np.ndarray
    weight: np.ndarray
    pair: np.ndarray
    features: np.ndarray | None = None
    scale: np.ndarray | None = None

    def take(self, order: np.ndarray) -> Entries:
        """The entries in another order."""
        optional = {name: value[order] for name in ("features", "scale") if (value := getattr(self, name)) is not None}
        arrays = {name: getattr(self, name)[order] for name in ("rows", "columns", "weight", "pair")}
        return replace(self, **arrays, **optional)

    def of_event(self, event: int) -> Entries:
        """Those of one event; ValueError where features do not tell."""
        if self.features is None:
            raise ValueError("Entries without features cannot be told apart by event: Entries.features is None.")
        return self.take(np.flatnonzero(self.features[:, event]))


@dataclass(frozen=True)
class Part:
    """Entries that were drawn from a graph, over ``n_nodes`` of its nodes, renumbered.

    Shapes: degree (n,) float: the summed weight of all edges of a node in the whole graph; event_degree (n, R): of
    those of each event.
    """

    n_nodes: int
    n_events: int
    parallel: Entries
    degree: np.ndarray
    event_degree: np.ndarray

    @property
    def merged(self) -> Entries:
        """The same: parallel entries add up where they are summed."""
        return self.parallel


class Whole:
    """All entries of a graph, users first; shapes as in ``Part``."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.edges = graph, Edges(graph)
        self.n_nodes, self.n_events = graph.n_users + graph.n_items, self.edges.n_events

    @cached_property
    def merged(self) -> Entries:
        """An entry for each pair and direction."""
        matrix = histories(self.graph)
        matrix.sort_indices()
        places = np.arange(matrix.nnz, dtype=matrix.indices.dtype)
        back: Any = sparse.csr_matrix((places, matrix.indices, matrix.indptr), shape=matrix.shape).tocsc()
        pair = np.concatenate([places, back.data])
        both = self._both(_rows(matrix.indptr), matrix.indices, _rows(back.indptr), back.indices)
        return Entries(*both, matrix.data[pair], pair)

    @cached_property
    def parallel(self) -> Entries:
        """An entry for each edge and direction, with features."""
        graph, every = self.graph, slice(None)
        both = self._both(_rows(graph.indptr), graph.indices, _rows(graph.item_indptr), graph.item_indices)
        edge = np.concatenate([np.arange(graph.n_edges), np.asarray(graph.item_edge)])
        weight, pair = self.edges.weights(every).astype(np.float32), self.edges.pairs(every)
        return Entries(*both, weight[edge], pair[edge], self.edges.features(every)[edge])

    @cached_property
    def degree(self) -> np.ndarray:
        return np.bincount(self.merged.rows, self.merged.weight.astype(np.float64), minlength=self.n_nodes)

    @property
    def event_degree(self) -> np.ndarray:
        return self.edges.event_degree

    def _both(
        self, users: np.ndarray, items: np.ndarray, back_items: np.ndarray, back_users: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of both directions."""
        kind = np.int32 if self.n_nodes < 2**31 else np.int64
        shift = kind(self.graph.n_users)
        rows = np.concatenate([users.astype(kind), back_items.astype(kind) + shift])
        return rows, np.concatenate([items.astype(kind) + shift, back_users.astype(kind)])


def _rows(indptr: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))


def with_loops(entries: Entries, n_nodes: int) -> Entries:
    """The entries and one of weight 1 from each node to itself, without features, in its place among the columns."""
    rows, columns, total = entries.rows, entries.columns, len(entries.rows)
    nodes = np.arange(n_nodes, dtype=rows.dtype)
    before = np.bincount(rows[columns < rows], minlength=n_nodes)
    starts = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=n_nodes))))[:-1]
    order = np.empty(total + n_nodes, np.int64)
    order[np.arange(total) + rows + (columns > rows)] = np.arange(total)
    order[starts + nodes + before] = np.arange(total, total + n_nodes)
    return _appended(entries, nodes).take(order)


def _appended(entries: Entries, nodes: np.ndarray) -> Entries:
    """Loops after all entries; their pair is one that no interaction has."""
    ones, free = np.ones(len(nodes)), entries.pair.max(initial=-1) + 1
    features, scale = entries.features, entries.scale
    return Entries(
        np.concatenate([entries.rows, nodes]),
        np.concatenate([entries.columns, nodes]),
        np.concatenate([entries.weight, ones]),
        np.concatenate([entries.pair, np.full(len(nodes), free)]),
        None if features is None else np.concatenate([features, np.zeros((len(nodes), features.shape[1]), np.float32)]),
        None if scale is None else np.concatenate([scale, ones]),
    )
