"""A graph without the edges that weigh least where they end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsmith.engine.sparse.normal import normalised
from recsmith.graph.graph import Graph, from_edges


def thinned(graph: Graph, share: float) -> Graph:
    """``graph`` without the ``share`` of its pairs of user and item that matter least, all their events included.

    A pair weighs what propagation gives it, ``1 / sqrt(d_u d_i)`` (He et al. 2020, equation 3), and is ranked among
    the edges of its user and among those of its item; the better place counts, so that an edge stays where either end
    wants it (local sparsification, Satuluri et al. 2011, section 3). What goes leads from busy people to popular items.
    Everybody's first edge stays, and of equals the later goes.
    """
    pairs = _Pairs.of(graph)
    place = np.maximum(pairs.place(pairs.users), pairs.place(pairs.items))
    order = np.argsort(place, kind="stable")[: round(share * len(place))]
    kept = np.ones(len(place), bool)
    kept[order[place[order] < 1]] = False
    chosen = kept[np.cumsum(~graph.repeats) - 1]
    users = np.repeat(np.arange(graph.n_users), np.diff(graph.indptr))[chosen]
    own = {name: np.asarray(getattr(graph, name))[chosen] for name in ("weight", "event", "timestamp")}
    items = np.asarray(graph.indices)[chosen]
    return from_edges(users, items, graph.n_users, graph.n_items, **own, events=graph.events)


@dataclass(frozen=True)
class _Pairs:
    """Distinct pairs of user and item in the graph's order. Shapes: all (P,)."""

    users: np.ndarray
    items: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, graph: Graph) -> _Pairs:
        matrix = normalised(graph.binary)
        users = np.repeat(np.arange(graph.n_users), np.diff(matrix.indptr))
        return cls(users, matrix.indices.astype(np.int64), matrix.data)

    def place(self, nodes: np.ndarray) -> np.ndarray:
        """Where each pair stands among those of its node: from above 0 to 1, the heaviest. Shapes: nodes (P,)."""
        # Of equal weights the first pair stands highest.
        order = np.lexsort((-np.arange(len(nodes)), self.weight, nodes))
        degree = np.bincount(nodes)
        start = np.cumsum(degree) - degree
        found = np.empty(len(nodes))
        found[order] = np.arange(1, len(nodes) + 1) - start[nodes[order]]
        return found / degree[nodes]
