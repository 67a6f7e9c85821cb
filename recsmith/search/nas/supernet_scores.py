"""What each module and connection of a trained supernet contributes, averaged over its best paths.

Each path is taken at full depth. A module is put into its layer, then taken out; a layer that may choose what it reads
is made to read a connection beside the layer before, then that connection is taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from recsmith.model import cell
from recsmith.search.nas.node_scores import Ablated, Look, Pair, Score, edge_score, module_score
from recsmith.search.nas.paths import READOUT, Path, Paths
from recsmith.search.nas.supernet import Shared


@dataclass(frozen=True)
class SupernetScores:
    """Scores over some paths."""

    net: Any
    paths: Paths
    over: Sequence[Path]
    look: Look

    def rows(self) -> list[Score]:
        """Modules by layer and operator, then connections by where they lead."""
        layers, names = range(1, self.paths.depth + 1), [name for name in self.paths.space.operators if name != "none"]
        modules = [self._module(layer, name) for layer in layers for name in names]
        edges = [(source, layer) for layer in layers for source in self._sources(layer)]
        combined = [(source, self.paths.depth + 1) for source in range(self.paths.depth + 1)]
        connections = [self._edge(edge) for edge in [*edges, *combined]]
        return modules + [row for row in connections if row is not None]

    def _sources(self, layer: int) -> list[int]:
        searched = self.paths.inputs(layer) in self.paths.choices
        return list(range(layer)) if searched else [layer - 1]

    def _module(self, layer: int, name: str) -> Score:
        label = self.paths.operator(layer)
        pairs = [self._pair({**path, label: name}, lambda whole: Ablated(whole, layer)) for path in self._deep()]
        return module_score(pairs, layer, name)

    def _edge(self, edge: tuple[int, int]) -> Score | None:
        """None where no path has the connection."""
        having = [path for path in (self._reading(path, edge) for path in self._deep()) if self._has(path, edge)]
        pairs = [self._pair(path, lambda whole: Ablated(whole, edge=edge)) for path in having]
        return edge_score(pairs, edge) if pairs else None

    def _has(self, path: Path, edge: tuple[int, int]) -> bool:
        return edge in cell.edges(self.paths.network(path))

    def _reading(self, path: Path, edge: tuple[int, int]) -> Path:
        source, layer = edge
        label = self.paths.inputs(layer)
        both = "+".join(map(str, sorted({source, layer - 1})))
        return {**path, label: both} if label in self.paths.choices else path

    def _deep(self) -> list[Path]:
        return [{**path, READOUT: f"{path[READOUT].rpartition('_')[0]}_{self.paths.depth}"} for path in self.over]

    def _pair(self, path: Path, cut: Callable[[Shared], Ablated]) -> Pair:
        whole = Shared(self.net, path)
        return self.look(whole), self.look(cut(whole))
