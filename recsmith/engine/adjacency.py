"""A graph of N nodes in the forms that operators multiply with."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch

from recsmith.engine.entries import Entries, Part, Source, Whole, with_loops
from recsmith.engine.filters.base import power
from recsmith.engine.pattern import Pattern, pattern
from recsmith.engine.propagate import Product
from recsmith.graph.graph import Graph


class Adjacency:
    """The bipartite graph as one of N = U + I nodes, users first; each form is made when it is first asked for.

    Nodes without an edge have an empty row in every form but those with loops. Weights are normalised by degrees of
    the whole graph, also where only some of the entries are there (``of_entries``) or are kept (``dropped``); then
    each counts for as many as it stands for, so that sums over neighbours are right in expectation.
    """

    def __init__(self, graph: Graph, device: torch.device | str = "cpu") -> None:
        self.n_users, self.n_items = graph.n_users, graph.n_items
        self._begin(Whole(graph), device)

    @classmethod
    def of_entries(
        cls,
        entries: Entries,
        degree: np.ndarray,
        event_degree: np.ndarray | None = None,
        device: torch.device | str = "cpu",
    ) -> Adjacency:
        """An adjacency of n drawn nodes with the entries between them that were drawn.

        Shapes: degree (n,) float: summed weight of each node in the whole graph (``Entries.weight`` of all its
        entries); event_degree (n, R): of those of each event (None: there is one event).
        """
        if (np.diff(entries.rows) < 0).any():
            entries = entries.take(np.argsort(entries.rows, kind="stable"))
        by_event = degree[:, None] if event_degree is None else event_degree
        made = cls.__new__(cls)
        made._begin(Part(len(degree), by_event.shape[1], entries, degree, by_event), device)
        return made

    def _begin(self, source: Source, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self._source = source
        self._keep: torch.Tensor | None = None
        self._whole: dict[Any, Any] = {}
        self._kept: dict[Any, Any] = {}

    @property
    def n_nodes(self) -> int:
        return self._source.n_nodes

    @property
    def n_events(self) -> int:
        return self._source.n_events

    @property
    def symmetric(self) -> Product:
        """``D^-1/2 A D^-1/2`` (N, N)."""
        return self.normalised(0.5, 0.5)

    @property
    def mean(self) -> Product:
        """``D^-1 A`` (N, N): the weighted mean of the neighbours."""
        return self.normalised(1.0, 0.0)

    @property
    def sums(self) -> Product:
        """``A`` (N, N)."""
        return self.normalised(0.0, 0.0)

    @property
    def with_self(self) -> Product:
        """``D^-1/2 (A + 1) D^-1/2`` (N, N), degrees counted with the loop."""
        return self.normalised(0.5, 0.5, loops=True)

    def normalised(self, target: float, source: float, *, loops: bool = False) -> Product:
        """``D^-target A D^-source`` (N, N), or of ``A + 1``; rows whose weights sum to zero or less are zero."""

        whole = self._product(target, source, loops)
        if self._keep is None:
            return whole

        def make() -> Product:
            kept = cast(torch.Tensor, self._keep)[self._pair(loops, parallel=False)]
            return whole.scaled(kept, self._pattern(loops, parallel=False).order)

        return self._once(self._kept, (target, source, loops), make)

    @property
    def edges(self) -> Pattern:
        """Who hears whom, a loop at each node included; 2 E + N entries, parallel edges merged."""
        return self._seen(loops=True, parallel=False)

    @property
    def neighbours(self) -> Pattern:
        """Who hears whom, without loops, parallel edges merged."""
        return self._seen(loops=False, parallel=False)

    @property
    def attributed(self) -> Pattern:
        """An entry with features for each edge and direction, without loops."""
        return self._seen(loops=False, parallel=True)

    @property
    def attributed_edges(self) -> Pattern:
        """An entry with features for each edge and direction, and a loop at each node, whose features are 0."""
        return self._seen(loops=True, parallel=True)

    def dropped(self, rate: float) -> Adjacency:
        """The graph without a share of its interactions, both directions at once, drawn from torch's generator."""
        pair = self._pair(loops=True, parallel=False)
        keep = (torch.rand(int(pair.max()) + 1, device=self.device) >= rate) / (1 - rate)
        keep[-1] = 1.0  # loops stay
        made = copy.copy(self)
        made._keep, made._kept = keep, {}
        return made

    def _product(self, target: float, source: float, loops: bool) -> Product:
        def make() -> Product:
            values = torch.from_numpy(self._values(target, source, loops).astype(np.float32)).to(self.device)
            return self._pattern(loops, parallel=False).product(values)

        return self._once(self._whole, ("product", target, source, loops), make)

    def _values(self, target: float, source: float, loops: bool) -> np.ndarray:
        entries, degree = self._entries(loops, parallel=False), self._source.degree + loops
        values = power(degree, -target)[entries.rows] * entries.weight * power(degree, -source)[entries.columns]
        return values if entries.scale is None else values * entries.scale

    def _seen(self, loops: bool, parallel: bool) -> Pattern:
        """The pattern, with what is dropped at scale 0."""
        whole = self._pattern(loops, parallel)
        if self._keep is None:
            return whole
        kept = self._keep[self._pair(loops, parallel)]
        return replace(whole, scale=kept if whole.scale is None else whole.scale * kept)

    def _pattern(self, loops: bool, parallel: bool) -> Pattern:
        def make() -> Pattern:
            entries = self._entries(loops, parallel)
            return pattern(entries if parallel else replace(entries, features=None), self.n_nodes, self.device)

        return self._once(self._whole, ("pattern", loops, parallel), make)

    def _pair(self, loops: bool, parallel: bool) -> torch.Tensor:
        """The interaction that each entry belongs to, counted from 0, loops last; shapes: -> (nnz,) int64."""

        def make() -> torch.Tensor:
            found = np.unique(self._entries(loops, parallel).pair, return_inverse=True)[1]
            return torch.from_numpy(found.reshape(-1)).to(self.device)

        return self._once(self._whole, ("pair", loops, parallel), make)

    def _entries(self, loops: bool, parallel: bool) -> Entries:
        entries = self._source.parallel if parallel else self._source.merged
        return with_loops(entries, self.n_nodes) if loops else entries

    @staticmethod
    def _once(made: dict[Any, Any], name: tuple, make: Callable[[], Any]) -> Any:
        if name not in made:
            made[name] = make()
        return made[name]
