"""A part of the valid users, or of the edges, for a first look at candidates."""

from __future__ import annotations

import numpy as np

from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import Relevant


def drawn(relevant: Relevant, users: int, seed: int) -> Relevant:
    """The pairs of ``users`` users drawn without replacement from those who have any; all where there are no more."""
    everyone = relevant.users
    if users >= len(everyone):
        return relevant
    kept = np.zeros(len(relevant.cold), bool)
    kept[np.random.default_rng(seed).choice(everyone, users, replace=False)] = True
    counts = np.diff(relevant.indptr)
    indptr = np.concatenate(([0], np.cumsum(np.where(kept, counts, 0)))).astype(np.int64)
    cold = np.where(kept, relevant.cold, 0).astype(np.int32)
    return Relevant(indptr, np.asarray(relevant.indices)[np.repeat(kept, counts)], cold)


def thinned(graph: Graph, share: float, seed: int) -> Graph:
    """The graph with a drawn ``share`` (0, 1] of each user's edges, rounded up: everybody keeps some history."""
    if share >= 1:
        return graph
    counts = np.diff(graph.indptr)
    users = np.repeat(np.arange(graph.n_users), counts)
    order = np.lexsort((np.random.default_rng(seed).random(graph.n_edges), users))
    place = np.arange(graph.n_edges) - np.repeat(graph.indptr[:-1], counts)
    kept = np.sort(order[place < np.ceil(share * np.repeat(counts, counts))])
    columns = {name: np.asarray(getattr(graph, name))[kept] for name in ("weight", "event", "timestamp")}
    items = np.asarray(graph.indices)[kept]
    return from_edges(users[kept], items, graph.n_users, graph.n_items, events=graph.events, **columns)
