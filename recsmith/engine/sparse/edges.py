"""What operators may know of each edge of a graph: its weight in sums, the pair it belongs to, its attributes."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from recsmith.graph.graph import Graph

DAY = 86400.0
Chosen = np.ndarray | slice
"""Numbers of edges in the user-ordered arrays of the graph."""


def n_features(n_events: int) -> int:
    """Numbers that describe an edge: one for each event, then weight, age, and whether the age is unknown."""
    return n_events + 3


class Edges:
    """Weights and attributes of any edges of a graph; what must be known of all edges is worked out once."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.n_events = graph, max(1, len(graph.events))

    def weights(self, edges: Chosen) -> np.ndarray:
        """What edges weigh in sums over neighbours; the shares of parallel ones add up to the weight of their pair.

        Where all weigh 1, a pair weighs 1, whatever the number of its events. Shapes: -> (M,) float64.
        """
        weight = np.asarray(self.graph.weight[edges], np.float64)
        return weight / self._multiplicity[self.pairs(edges)] if self._plain and self._starts is not None else weight

    def pairs(self, edges: Chosen) -> np.ndarray:
        """The number of the user-item pair of each edge; shapes: -> (M,) int64."""
        if self._starts is None:
            return np.arange(self.graph.n_edges)[edges] if isinstance(edges, slice) else np.asarray(edges, np.int64)
        return (np.cumsum(self._starts) - 1)[edges]

    def features(self, edges: Chosen) -> np.ndarray:
        """Event as one of R, weight over the largest, age over the largest, whether the age is unknown.

        The age is the logarithm of the days to the newest interaction. Shapes: -> (M, R + 3) float32.
        """
        event, timestamp = np.asarray(self.graph.event[edges]), np.asarray(self.graph.timestamp[edges])
        found = np.zeros((len(event), n_features(self.n_events)), np.float32)
        found[np.arange(len(event)), event] = 1
        found[:, -3] = np.asarray(self.graph.weight[edges]) / self._largest
        known = timestamp >= 0
        found[known, -2] = np.log1p((self._newest - timestamp[known]) / DAY) / self._oldest_age
        found[:, -1] = ~known
        return found

    @cached_property
    def event_degree(self) -> np.ndarray:
        """Summed weight of the edges of each node and event; shapes: -> (N, R) float64."""
        graph = self.graph
        users = np.repeat(np.arange(graph.n_users), np.diff(graph.indptr))
        nodes = np.concatenate([users, np.asarray(graph.indices, np.int64) + graph.n_users])
        kinds, weight = np.tile(graph.event, 2), np.tile(graph.weight, 2).astype(np.float64)
        n_nodes = graph.n_users + graph.n_items
        sums = np.bincount(nodes * self.n_events + kinds, weight, minlength=n_nodes * self.n_events)
        return sums.reshape(n_nodes, self.n_events)

    @cached_property
    def _starts(self) -> np.ndarray | None:
        """Where a new pair starts, (E,) bool; None where every edge is a pair of its own."""
        items = np.asarray(self.graph.indices)
        starts = np.ones(len(items), bool)
        starts[1:] = items[1:] != items[:-1]
        heads = np.asarray(self.graph.indptr[:-1])
        starts[heads[heads < len(items)]] = True
        return None if starts.all() else starts

    @cached_property
    def _multiplicity(self) -> np.ndarray:
        return np.bincount(self.pairs(slice(None)))

    @cached_property
    def _plain(self) -> bool:
        return bool((np.asarray(self.graph.weight) == 1).all())

    @cached_property
    def _largest(self) -> float:
        return float(np.abs(self.graph.weight).max(initial=0)) or 1.0

    @cached_property
    def _newest(self) -> int:
        return int(np.max(self.graph.timestamp, initial=-1))

    @cached_property
    def _oldest_age(self) -> float:
        known = self.graph.timestamp[self.graph.timestamp >= 0]
        return float(np.log1p((self._newest - known.min()) / DAY)) or 1.0 if len(known) else 1.0
