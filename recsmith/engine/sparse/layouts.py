"""Where the entries of a graph lie on a device, each layout made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch

from recsmith.engine.sparse.entries import Entries, Part, Whole, with_loops
from recsmith.engine.sparse.pattern import Pattern, pattern
from recsmith.engine.sparse.propagate import indices

Kind = Literal["merged", "parallel"] | int
"""An entry for each pair; for each edge; for each edge of one event."""
MERGED, PARALLEL = "merged", "parallel"


class Once(dict[Any, Any]):
    """Values that are made when they are first asked for."""

    def of(self, name: Any, make: Callable[[], Any]) -> Any:
        if name not in self:
            self[name] = make()
        return self[name]


class Layouts:
    """Patterns of a graph's entries, merged or parallel, with and without a loop at each node."""

    def __init__(self, source: Whole | Part, device: torch.device) -> None:
        self.source, self.device = source, device
        self._made = Once()

    def entries(self, loops: bool, kind: Kind) -> Entries:
        """The entries in the order of the pattern."""
        entries = self.source.merged if kind == MERGED else self.source.parallel
        if isinstance(kind, int):
            entries = entries.of_event(kind)
        return with_loops(entries, self.source.n_nodes) if loops else entries

    def pattern(self, loops: bool, kind: Kind) -> Pattern:
        """Only parallel entries have features."""

        def make() -> Pattern:
            entries = self.entries(loops, kind)
            bare = entries if kind == PARALLEL else replace(entries, features=None)
            return pattern(bare, self.source.n_nodes, self.device)

        return self._made.of(("pattern", loops, kind), make)

    def pair(self, loops: bool, kind: Kind) -> torch.Tensor:
        """The interaction that each entry belongs to, counted from 0, loops last; shapes: -> (nnz,)."""

        def make() -> torch.Tensor:
            found = np.searchsorted(self._pairs, self.entries(loops, kind).pair)
            return indices(found, len(found)).to(self.device)

        return self._made.of(("pair", loops, kind), make)

    @property
    def n_pairs(self) -> int:
        """Interactions, whatever their number of events and directions."""
        return len(self._pairs)

    @property
    def _pairs(self) -> np.ndarray:
        """The numbers of all interactions, ascending."""
        return self._made.of("pairs", lambda: np.unique(self.source.merged.pair))

    def numbers(self, values: np.ndarray, entries: Entries) -> torch.Tensor:
        """Values of entries, each times what the entry stands for, on the device; shapes: (nnz,) -> (nnz,) float32."""
        values = values if entries.scale is None else values * entries.scale
        return torch.from_numpy(values.astype(np.float32)).to(self.device)
