"""The bipartite user-item graph: CSR both ways with edge attributes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy import sparse

from recsmith.errors import UserError
from recsmith.graph.index import counting_order, index_type, radix_order

META = "graph.json"


@dataclass(frozen=True)
class Graph:
    """Edges of users (rows) and items (columns); parallel edges are one for each event.

    Shapes:
        indptr (U + 1,) int64, indices (E,) int32: item of each edge, edges ordered by (user, item, event).
        weight (E,) float32 normalised, event (E,) uint8 code into ``events``, timestamp (E,) int64 (-1: unknown).
        item_indptr (I + 1,) int64, item_indices (E,) int32: user of each edge, edges ordered by (item, user, event).
        item_edge (E,) int64: position of the item-ordered edge in the user-ordered arrays.
    """

    indptr: np.ndarray
    indices: np.ndarray
    weight: np.ndarray
    event: np.ndarray
    timestamp: np.ndarray
    item_indptr: np.ndarray
    item_indices: np.ndarray
    item_edge: np.ndarray
    events: tuple[str, ...] = ("interaction",)

    @property
    def n_users(self) -> int:
        return len(self.indptr) - 1

    @property
    def n_items(self) -> int:
        return len(self.item_indptr) - 1

    @property
    def n_edges(self) -> int:
        return len(self.indices)

    @cached_property
    def binary(self) -> sparse.csr_matrix:
        """(U, I) float32 with 1 where a user touched an item, whatever the event."""
        summed = self.weighted
        ones = np.ones(summed.nnz, np.float32)
        return sparse.csr_matrix((ones, summed.indices, summed.indptr), shape=summed.shape)

    @cached_property
    def weighted(self) -> sparse.csr_matrix:
        """(U, I) float32; parallel edges are summed; indices sorted in each row."""
        shape = (self.n_users, self.n_items)
        matrix = sparse.csr_matrix((np.array(self.weight), np.array(self.indices), np.array(self.indptr)), shape=shape)
        matrix.sum_duplicates()
        return matrix

    @cached_property
    def hash(self) -> str:
        """A name for the content: equal graphs have equal names."""
        state = hashlib.md5(json.dumps(self.events).encode(), usedforsecurity=False)
        for name in _ARRAYS:
            state.update(np.ascontiguousarray(getattr(self, name)).view(np.uint8).data)
        return state.hexdigest()

    @cached_property
    def later(self) -> np.ndarray:
        """(E,) int64: how many edges of the user have a later timestamp; an unknown one is the earliest."""
        users = np.repeat(np.arange(self.n_users), np.diff(self.indptr))
        order = np.lexsort((self.timestamp, users))
        users, times = users[order], np.asarray(self.timestamp)[order]
        last = np.ones(self.n_edges, bool)
        last[:-1] = (users[1:] != users[:-1]) | (times[1:] != times[:-1])
        ends = np.flatnonzero(last)
        found = np.empty(self.n_edges, np.int64)
        found[order] = np.repeat(self.indptr[users[ends] + 1] - 1 - ends, np.diff(ends, prepend=-1))
        return found

    @property
    def repeats(self) -> np.ndarray:
        """(E,) bool: edges of the same user and item as the edge before; 0 where events are of one kind."""
        same = np.zeros(self.n_edges, bool)
        np.equal(self.indices[1:], self.indices[:-1], out=same[1:])
        starts = self.indptr[:-1]
        same[starts[starts < self.n_edges]] = False
        return same

    @cached_property
    def degrees(self) -> tuple[np.ndarray, np.ndarray]:
        """Distinct items of each user and users of each item; shapes: (U,) int64, (I,) int64."""
        repeats = np.flatnonzero(self.repeats)
        users = np.searchsorted(self.indptr, repeats, side="right") - 1
        doubled = np.bincount(users, minlength=self.n_users), np.bincount(self.indices[repeats], minlength=self.n_items)
        return np.diff(self.indptr) - doubled[0], np.diff(self.item_indptr) - doubled[1]

    def save(self, folder: Path | str) -> None:
        """Write one ``.npy`` an array into ``folder``."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))
        (folder / META).write_text(json.dumps({"events": self.events}) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path | str) -> Graph:
        """Open a graph memory-mapped; UserError where it is not one."""
        folder = Path(folder)
        try:
            events = tuple(json.loads((folder / META).read_text(encoding="utf-8"))["events"])
            arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS}
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{folder} holds no graph that can be read: {error}.") from error
        return cls(**arrays, events=events)


_ARRAYS = tuple(field.name for field in fields(Graph) if field.name != "events")


def from_edges(
    users: np.ndarray,
    items: np.ndarray,
    n_users: int,
    n_items: int,
    *,
    weight: np.ndarray | None = None,
    event: np.ndarray | None = None,
    timestamp: np.ndarray | None = None,
    events: tuple[str, ...] = ("interaction",),
) -> Graph:
    """Build a graph from edge lists.

    Shapes: users, items, weight, event, timestamp (E,); any order, nothing of it is changed. Raises UserError on
    weights that are not finite and on nodes that are not there.
    """
    for nodes, n, name in ((users, n_users, "users"), (items, n_items, "items")):
        _check(nodes, n, name)
    if event is not None:
        _check(event, len(events), "events")
    weight = np.ones(len(users), np.float32) if weight is None else np.asarray(weight, np.float32)
    if not np.isfinite(weight).all():
        raise UserError("Edge weights must be finite numbers; the graph was given NaN or infinity.")
    keys = [(items, n_items), (users, n_users)]
    if event is not None and len(events) > 1:
        keys.insert(0, (event, len(events)))
    order, indptr = radix_order(keys)
    users = users[order].astype(index_type(n_users), copy=False)
    items = items[order].astype(index_type(n_items), copy=False)
    item_edge, item_indptr = counting_order(items, n_items)
    return Graph(
        indptr=indptr.astype(np.int64),
        indices=items,
        weight=weight[order],
        event=np.zeros(len(users), np.uint8) if event is None else np.asarray(event, np.uint8)[order],
        timestamp=np.full(len(users), -1, np.int64) if timestamp is None else np.asarray(timestamp, np.int64)[order],
        item_indptr=item_indptr.astype(np.int64),
        item_indices=users[item_edge],
        item_edge=item_edge.astype(np.int64),
        events=events,
    )


def _check(nodes: np.ndarray, n: int, name: str) -> None:
    if len(nodes) and not 0 <= nodes.min() <= nodes.max() < n:
        raise UserError(f"Edges name {name} {nodes.min():,} to {nodes.max():,}; the graph knows 0 to {n - 1:,}.")
