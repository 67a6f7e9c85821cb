"""A graph of N nodes in the forms that operators multiply with."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional

from recsmith.engine.sparse.attention import sums_of_features
from recsmith.engine.sparse.entries import Entries, Part, Whole
from recsmith.engine.sparse.layouts import MERGED, PARALLEL, Kind, Layouts, Once
from recsmith.engine.sparse.normal import power
from recsmith.engine.sparse.pattern import Pattern
from recsmith.engine.sparse.propagate import Product
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

    def _begin(self, source: Whole | Part, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self._source, self._layouts = source, Layouts(source, self.device)
        self._whole, self._kept = Once(), Once()
        self._keep: torch.Tensor | None = None

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

        def make() -> Product:
            entries, degree = self._layouts.entries(loops, MERGED), self._source.degree + loops
            left, right = power(degree, -target), power(degree, -source)
            values = left[entries.rows] * entries.weight * right[entries.columns]
            return self._layouts.pattern(loops, MERGED).product(self._layouts.numbers(values, entries))

        return self._product(("product", target, source, loops), make, loops, MERGED)

    @property
    def edges(self) -> Pattern:
        """Who hears whom, a loop at each node included; 2 E + N entries, parallel edges merged."""
        return self._seen(True, MERGED)

    @property
    def neighbours(self) -> Pattern:
        """Who hears whom, without loops, parallel edges merged."""
        return self._seen(False, MERGED)

    @property
    def attributed(self) -> Pattern:
        """An entry with features for each edge and direction, without loops."""
        return self._seen(False, PARALLEL)

    @property
    def attributed_edges(self) -> Pattern:
        """An entry with features for each edge and direction, and a loop at each node, whose features are 0."""
        return self._seen(True, PARALLEL)

    @property
    def attributed_weights(self) -> torch.Tensor:
        """What the entries of ``attributed`` weigh in sums; shapes: -> (nnz,) float32."""

        def make() -> torch.Tensor:
            entries = self._layouts.entries(False, PARALLEL)
            return self._layouts.numbers(entries.weight, entries)

        whole = self._whole.of("weights", make)
        return whole if self._keep is None else whole * self._factor(False, PARALLEL)

    @property
    def mean_features(self) -> torch.Tensor:
        """``D^-1`` times the weighted sum of the features of each node's edges; shapes: -> (N, F) float32."""

        def make() -> torch.Tensor:
            degree = torch.from_numpy(power(self._source.degree, -1.0).astype(np.float32)).to(self.device)
            return sums_of_features(self.attributed_weights, self.attributed) * degree[:, None]

        return (self._whole if self._keep is None else self._kept).of("mean_features", make)

    @property
    def by_event(self) -> list[Product]:
        """``D_r^-1 A_r`` (N, N) for each event: the weighted mean over its edges alone."""
        if self.n_events == 1:
            return [self._of_event(PARALLEL, 0)]
        return [self._of_event(event, event) for event in range(self.n_events)]

    def dropped(self, rate: float) -> Adjacency:
        """The graph without a share of its interactions, both directions at once, drawn from torch's generator."""
        drawn = torch.rand(self._layouts.n_pairs, device=self.device)
        made = copy.copy(self)
        # One more for loops, which stay.
        made._keep, made._kept = functional.pad((drawn >= rate) / (1 - rate), (0, 1), value=1.0), Once()
        return made

    def _of_event(self, kind: Kind, event: int) -> Product:
        def make() -> Product:
            entries, degree = self._layouts.entries(False, kind), self._source.event_degree[:, event]
            values = entries.weight * power(degree, -1.0)[entries.rows]
            return self._layouts.pattern(False, kind).product(self._layouts.numbers(values, entries))

        return self._product(("event", event), make, False, kind)

    def _product(self, name: tuple, make: Callable[[], Product], loops: bool, kind: Kind) -> Product:
        """The product, made once, with what is kept."""
        whole = self._whole.of(name, make)
        if self._keep is None:
            return whole
        order = self._layouts.pattern(loops, kind).order
        return self._kept.of(name, lambda: whole.scaled(self._factor(loops, kind), order))

    def _seen(self, loops: bool, kind: Kind) -> Pattern:
        """The pattern, with what is dropped at scale 0."""
        whole = self._layouts.pattern(loops, kind)
        if self._keep is None:
            return whole

        def make() -> Pattern:
            kept = self._factor(loops, kind)
            return replace(whole, scale=kept if whole.scale is None else whole.scale * kept)

        return self._kept.of(("pattern", loops, kind), make)

    def _factor(self, loops: bool, kind: Kind) -> torch.Tensor:
        """What each entry counts for after edges were dropped; shapes: -> (nnz,) float32."""
        keep, pair = self._keep, self._layouts.pair(loops, kind)
        assert keep is not None
        return self._kept.of(("factor", loops, kind), lambda: keep.index_select(0, pair))
