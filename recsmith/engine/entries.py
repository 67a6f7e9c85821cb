"""The directed entries of a graph of N nodes, as arrays: who hears whom, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy import sparse

from recsmith.engine.edges import Edges
from recsmith.engine.filters.base import histories
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


class Source(Protocol):
    """Where an adjacency takes its entries from.

    Shapes: degree (N,) float64: summed weight of all edges of a node in the whole graph; event_degree (N, R) float64:
    of those of each event. Both count edges that are not among the entries.
    """

    n_nodes: int
    n_events: int

    @property
    def merged(self) -> Entries:
        """An entry for each pair and direction."""
        ...

    @property
    def parallel(self) -> Entries:
        """An entry for each edge and direction, with features."""
        ...

    @property
    def degree(self) -> np.ndarray: ...

    @property
    def event_degree(self) -> np.ndarray: ...


@dataclass(frozen=True)
class Part:
    """Entries that were drawn from a graph, over ``n_nodes`` of its nodes, renumbered."""

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
    """All entries of a graph, users first."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.edges = graph, Edges(graph)
        self.n_nodes, self.n_events = graph.n_users + graph.n_items, self.edges.n_events

    @cached_property
    def merged(self) -> Entries:
        matrix = histories(self.graph)
        matrix.sort_indices()
        back = sparse.csr_matrix((np.arange(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape).tocsc()
        users = _rows(matrix.indptr)
        pair = np.concatenate([np.arange(matrix.nnz), back.data])
        weight = matrix.data.astype(np.float64)[pair]
        return Entries(*self._both(users, matrix.indices, _rows(back.indptr), back.indices), weight, pair)

    @cached_property
    def parallel(self) -> Entries:
        graph = self.graph
        both = self._both(_rows(graph.indptr), graph.indices, _rows(graph.item_indptr), graph.item_indices)
        edge = np.concatenate([np.arange(graph.n_edges), np.asarray(graph.item_edge)])
        known = self.edges.weights, self.edges.pairs, self.edges.features
        return Entries(*both, *(of(slice(None))[edge] for of in known))

    @cached_property
    def degree(self) -> np.ndarray:
        return np.bincount(self.merged.rows, self.merged.weight, minlength=self.n_nodes)

    @property
    def event_degree(self) -> np.ndarray:
        return self.edges.event_degree

    def _both(
        self, users: np.ndarray, items: np.ndarray, back_items: np.ndarray, back_users: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of both directions."""
        shift = self.graph.n_users
        rows = np.concatenate([users, back_items + shift])
        return rows, np.concatenate([items + np.int64(shift), back_users])


def _rows(indptr: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))


def with_loops(entries: Entries, n_nodes: int) -> Entries:
    """The entries and one of weight 1 from each node to itself, without features, in its place among the columns."""
    rows, columns, total = entries.rows, entries.columns, len(entries.rows)
    nodes = np.arange(n_nodes)
    before = np.bincount(rows[columns < rows], minlength=n_nodes)
    starts = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=n_nodes))))[:-1]
    order = np.empty(total + n_nodes, np.int64)
    order[np.arange(total) + rows + (columns > rows)] = np.arange(total)
    order[starts + nodes + before] = total + nodes
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
