"""Sampled neighbourhoods: what a batch needs of a graph that is too large to be propagated as a whole.

Each layer draws neighbours anew for every node whose vector it makes (Hamilton et al. 2017). Drawn are distinct entries
of a row: the variance is smaller than with replacement, and a row no longer than the fan-out is taken as it is, so that
large fan-outs give the full graph's vectors. Every entry is scaled by (entries of the row) / (entries drawn), one over
its probability; with the degrees of the full graph and independent draws a layer, propagation through linear layers
equals that through the full graph in expectation. Activations and attention are not linear: there the mean is biased.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from recsmith.engine.batch.sampling import Batch
from recsmith.engine.batch.view import View
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.directed import Directed, spread
from recsmith.engine.sparse.edges import Edges
from recsmith.engine.sparse.entries import Entries
from recsmith.engine.sparse.propagate import Gather
from recsmith.errors import UserError
from recsmith.graph.graph import Graph


@dataclass(frozen=True)
class Drawn:
    """Entries of one layer, by the graph's numbers of nodes.

    Shapes: rows, columns, edges (n,) int64: who hears, who is heard, the edge in the graph's arrays; weight, scale (n,)
    float64: what it weighs, one over its probability.
    """

    rows: np.ndarray
    columns: np.ndarray
    edges: np.ndarray
    weight: np.ndarray
    scale: np.ndarray


class Neighbourhood:
    """Views of a graph that may be memory-mapped: only the rows that are drawn from are read.

    ``fan_out``: entries drawn for a node, from the last layer to the first. ``features``: whether operators read
    attributes of edges, which then are read too. Views are decided by the seed, the batches
    and how many were drawn before.
    """

    def __init__(
        self,
        graph: Graph,
        fan_out: Sequence[int],
        seed: int = 0,
        device: torch.device | str = "cpu",
        *,
        features: bool = True,
    ) -> None:
        if not fan_out or min(fan_out) < 1:
            raise UserError(f"fan_out = {list(fan_out)}: one number of at least 1 is due for each layer.")
        self.fan_out, self.device = tuple(fan_out), torch.device(device)
        self.directed = Directed(graph)
        self.edges = Edges(graph) if features else None
        self.events = len(graph.events) > 1
        self.generator = torch.Generator().manual_seed(seed)

    def state(self) -> torch.Tensor:
        """What :meth:`restore` takes to go on from here."""
        return self.generator.get_state()

    def restore(self, state: torch.Tensor) -> None:
        """Go on where :meth:`state` was asked."""
        self.generator.set_state(state.cpu())

    def view(self, batch: Batch) -> View:
        """The neighbourhood of a batch, one adjacency a layer, all over the same nodes."""
        rows = batch.rows(self.directed.n_users).cpu().numpy()
        nodes, layers = self.sample(np.unique(rows))
        gather = Gather.of(torch.from_numpy(np.searchsorted(nodes, rows)).to(self.device), len(nodes))
        adjacencies = [self._adjacency(nodes, layer) for layer in layers]
        return View(adjacencies, gather, torch.from_numpy(nodes).to(self.device))

    def sample(self, targets: np.ndarray) -> tuple[np.ndarray, list[Drawn]]:
        """All nodes that ``targets`` (sorted, once each) depend on, and the entries of each layer, the first one first.

        Shapes: targets (t,) int64 -> (n,) int64 sorted, users before items.
        """
        nodes, layers = targets, []
        for fan_out in self.fan_out:
            layers.append(self.draw(nodes, fan_out))
            nodes = np.union1d(nodes, layers[-1].columns)
        return nodes, layers[::-1]

    def _adjacency(self, nodes: np.ndarray, drawn: Drawn) -> Adjacency:
        directed = self.directed
        entries = Entries(
            np.searchsorted(nodes, drawn.rows),
            np.searchsorted(nodes, drawn.columns),
            drawn.weight,
            directed.pairs(np.minimum(drawn.rows, drawn.columns), drawn.edges),
            None if self.edges is None else self.edges.features(drawn.edges),
            drawn.scale,
        )
        by_event = directed.event_degree[nodes] if self.events else None
        return Adjacency.of_entries(entries, directed.degree[nodes], by_event, self.device)

    def draw(self, nodes: np.ndarray, fan_out: int) -> Drawn:
        """At most ``fan_out`` distinct entries of each of ``nodes``."""
        directed = self.directed
        start, length = directed.start[nodes], directed.stop[nodes] - directed.start[nodes]
        taken = np.minimum(length, fan_out)
        offsets = spread(np.zeros_like(start), taken)
        many = length > fan_out
        offsets[np.repeat(many, taken)] = self._subsets(length[many], fan_out).ravel()
        rows, places = np.repeat(nodes, taken), offsets + np.repeat(start, taken)
        scale = np.repeat(length / np.maximum(taken, 1), taken)
        weight = directed.weights(rows, places)
        return Drawn(rows, directed.columns(places), directed.edges(places), weight, scale)

    def _subsets(self, length: np.ndarray, size: int) -> np.ndarray:
        """``size`` different numbers below each ``length``, every set equally likely (Floyd; Bentley 1987).

        Shapes: length (R,), each above ``size`` -> (R, size) int64.
        """
        chosen = np.empty((len(length), size), np.int64)
        draws = torch.rand(len(length), size, generator=self.generator, dtype=torch.float64).numpy()
        for n in range(size):
            last = length - size + n
            number = (draws[:, n] * (last + 1)).astype(np.int64)
            known = (chosen[:, :n] == number[:, None]).any(1)
            chosen[:, n] = np.where(known, last, number)
        return chosen
