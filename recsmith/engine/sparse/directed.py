"""The graph as one of N nodes whose rows are read one by one, so that its arrays may stay on disk."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from recsmith.graph.graph import Graph

CHUNK = 2**22
"""Edges that are read at once where all of them are."""


class Directed:
    """2 E entries, those of users first, then those of items; a *place* is a position among them.

    Weights are those of ``Adjacency``: where every edge weighs 1, a pair counts once, so that each of its parallel
    edges weighs its share; else parallel edges add up.

    Shapes: start, stop (N,) int64: the places of each node.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.n_users, self.n_nodes, self.n_edges = graph.n_users, graph.n_users + graph.n_items, graph.n_edges
        ends = np.asarray(graph.indptr), np.asarray(graph.item_indptr) + graph.n_edges
        self.start = np.concatenate([half[:-1] for half in ends])
        self.stop = np.concatenate([half[1:] for half in ends])

    @cached_property
    def binary(self) -> bool:
        """Whether every edge weighs 1."""
        return all(bool((self.graph.weight[part] == 1).all()) for part in chunks(self.n_edges))

    @cached_property
    def degree(self) -> np.ndarray:
        """The weights of each node's entries, parallel ones merged; shapes: -> (N,) float64."""
        if self.binary:
            return np.concatenate(self.graph.degrees).astype(np.float64)
        return self._sums(by_event=False)[:, 0]

    @cached_property
    def event_degree(self) -> np.ndarray:
        """The weights of each node's edges of each event; shapes: -> (N, R) float64."""
        return self._sums(by_event=True)

    def _sums(self, *, by_event: bool) -> np.ndarray:
        """Weights of edges added up for each node, read in chunks; shapes: -> (N, R), or (N, 1) of all events."""
        kinds = max(1, len(self.graph.events)) if by_event else 1
        found = np.zeros((self.n_nodes, kinds))
        for part in chunks(self.n_edges):
            weight, kind = np.asarray(self.graph.weight[part]), self.graph.event[part] if by_event else 0
            users = np.searchsorted(self.graph.indptr, np.arange(part.start, part.stop), side="right") - 1
            for nodes in (users, np.asarray(self.graph.indices[part], np.int64) + self.n_users):
                first, last = int(nodes.min()), int(nodes.max()) + 1
                sums = np.bincount((nodes - first) * kinds + kind, weight, (last - first) * kinds)
                found[first:last] += sums.reshape(-1, kinds)
        return found

    def pairs(self, users: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """One number for all edges between the same two: the first of them; shapes: (n,), (n,) int64 -> (n,) int64."""
        return edges - self._alike(users, edges, -1) if self._parallel else edges

    @cached_property
    def _parallel(self) -> bool:
        return self.n_edges > int(self.graph.degrees[0].sum())

    def columns(self, places: np.ndarray) -> np.ndarray:
        """The node at the other end; shapes: (n,) int64 -> (n,) int64."""
        found, of_users = np.empty(len(places), np.int64), places < self.n_edges
        found[of_users] = self.graph.indices[places[of_users]]
        found[of_users] += self.n_users
        found[~of_users] = self.graph.item_indices[places[~of_users] - self.n_edges]
        return found

    def edges(self, places: np.ndarray) -> np.ndarray:
        """Position in the graph's own arrays of edges; shapes: (n,) int64 -> (n,) int64."""
        found, of_items = places.copy(), places >= self.n_edges
        found[of_items] = self.graph.item_edge[places[of_items] - self.n_edges]
        return found

    def weights(self, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Weight of entries of the nodes ``rows``; shapes: (n,), (n,) int64 -> (n,) float64."""
        if not self.binary:
            return self.graph.weight[self.edges(places)].astype(np.float64)
        if not self._parallel:
            return np.ones(len(places))
        return 1.0 / (1 + self._alike(rows, places, 1) + self._alike(rows, places, -1))

    def _alike(self, rows: np.ndarray, places: np.ndarray, step: int) -> np.ndarray:
        """How many entries next to each, in the direction ``step``, lead to the same node."""
        columns, number = self.columns(places), np.zeros(len(places), np.int64)
        left, at = np.arange(len(places)), places
        while len(left):
            at = at + step
            inside = (at >= self.start[rows[left]]) & (at < self.stop[rows[left]])
            left, at = left[inside], at[inside]
            same = self.columns(at) == columns[left]
            left, at = left[same], at[same]
            number[left] += 1
        return number


def chunks(n: int, size: int | None = None) -> list[slice]:
    """``range(n)`` in slices of at most ``size`` (None: ``CHUNK``)."""
    size = size or CHUNK
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def spread(start: np.ndarray, count: np.ndarray) -> np.ndarray:
    """``start[r], start[r] + 1, ...``, ``count[r]`` of them, row after row; shapes: (R,), (R,) -> (sum of count,)."""
    ends = np.cumsum(count)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(start - (ends - count), count)
