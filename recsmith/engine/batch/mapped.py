"""The pairs of a graph that stays on disk: who they are, and whether two are one, read when it is asked."""

from __future__ import annotations

import numpy as np
import torch

from recsmith.graph.graph import Graph


class MappedPairs:
    """What ``recsmith.engine.batch.pairs.Pairs`` answers, by a search in the user's row: nothing is held in memory."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.steps = graph, int(np.diff(graph.indptr).max(initial=0)).bit_length()

    def contain(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Whether a user has an item; shapes: any two that go together, int64 -> what they make together, bool."""
        people, wanted = (side.cpu().numpy() for side in torch.broadcast_tensors(users, items))
        low, end = np.asarray(self.graph.indptr[people]), np.asarray(self.graph.indptr[people + 1])
        high, last = end, self.graph.n_edges - 1
        for _ in range(self.steps):
            middle = (low + high) // 2
            before = (low < high) & (self.graph.indices[np.minimum(middle, last)] < wanted)
            low, high = np.where(before, middle + 1, low), np.where(before, high, np.minimum(middle, high))
        found = (low < end) & (self.graph.indices[np.minimum(low, last)] == wanted)
        return torch.from_numpy(np.asarray(found)).to(users.device)


class MappedEnds:
    """The users, or the items, of all pairs in their order, by the pairs' numbers; parallel edges are one pair."""

    def __init__(self, graph: Graph, device: torch.device, *, users: bool) -> None:
        self.graph, self.device, self.users = graph, device, users
        # Of the first edge of each pair; None where each edge is one.
        repeats = graph.repeats
        self.edges = np.flatnonzero(~repeats) if repeats.any() else None

    def __len__(self) -> int:
        return self.graph.n_edges if self.edges is None else len(self.edges)

    def __getitem__(self, pairs: torch.Tensor) -> torch.Tensor:
        """Shapes: (B,) int64 -> (B,) int64 on the device."""
        places = pairs.cpu().numpy()
        edges = places if self.edges is None else self.edges[places]
        if self.users:
            nodes = np.searchsorted(self.graph.indptr, edges, side="right") - 1
        else:
            nodes = self.graph.indices[edges].astype(np.int64)
        return torch.from_numpy(np.asarray(nodes)).to(self.device)
