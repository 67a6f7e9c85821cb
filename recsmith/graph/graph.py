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
        matrix = self.weighted.copy()
        matrix.data[:] = 1.0
        return matrix

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
            state.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return state.hexdigest()

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

    Shapes: users, items, weight, event, timestamp (E,); any order. Raises UserError on weights that are not finite.
    """
    weight = np.ones(len(users), np.float32) if weight is None else np.asarray(weight, np.float32)
    event = np.zeros(len(users), np.uint8) if event is None else np.asarray(event, np.uint8)
    timestamp = np.full(len(users), -1, np.int64) if timestamp is None else np.asarray(timestamp, np.int64)
    if not np.isfinite(weight).all():
        raise UserError("Edge weights must be finite numbers; the graph was given NaN or infinity.")
    order = np.lexsort((event, items, users))
    users, items = np.asarray(users)[order], np.asarray(items)[order]
    weight, event, timestamp = weight[order], event[order], timestamp[order]
    item_edge = np.lexsort((event, users, items)).astype(np.int64)
    return Graph(
        indptr=_offsets(users, n_users),
        indices=items.astype(np.int32),
        weight=weight,
        event=event,
        timestamp=timestamp,
        item_indptr=_offsets(items, n_items),
        item_indices=users[item_edge].astype(np.int32),
        item_edge=item_edge,
        events=events,
    )


def _offsets(rows: np.ndarray, n_rows: int) -> np.ndarray:
    return np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=n_rows)))).astype(np.int64)
