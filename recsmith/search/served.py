"""What a candidate will weigh and cost where it serves, from its knobs and the data's sizes, before any export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from recsmith.config.compress import Export
from recsmith.graph.graph import Graph
from recsmith.model.architecture import Architecture, Blend, Gnn
from recsmith.serving.tables import index_type

FLOAT = 4
"""Bytes of a number in float32."""


class Catalogue(NamedTuple):
    """The sizes that decide: items, and items in the mean history of a user who has any."""

    n_items: int
    history: float


@dataclass(frozen=True)
class Form:
    """``score = q V^T + h S``: columns of stored ``q``, of ``q`` that is folded in (``h W``), entries a row of S."""

    stored: int = 0
    folded: int = 0
    entries: int = 0

    def bytes(self, n_items: int) -> int:
        """Of V, W, S and popularity in float32, as the fp32 export counts them; people's vectors are apart."""
        offsets = FLOAT * (n_items + 1) if self.entries else 0
        entry = FLOAT + index_type(n_items).itemsize
        return FLOAT * n_items * (self.stored + 2 * self.folded + 1) + offsets + n_items * self.entries * entry

    def cost(self, catalogue: Catalogue) -> int:
        """Multiply-adds of one recommendation: fold the history in, score every item, add rows of S."""
        width = self.stored + self.folded
        return round(catalogue.n_items * width + catalogue.history * (self.folded + self.entries))


def catalogue(graph: Graph) -> Catalogue:
    """The sizes of a graph."""
    touched = graph.degrees[0]
    filled = touched[touched > 0]
    return Catalogue(graph.n_items, float(filled.mean()) if len(filled) else 0.0)


def form(candidate: Architecture, n_items: int, export: Export | None = None) -> Form:
    """The fp32 form that ``candidate`` serves in; sparse entries are upper bounds.

    Networks are vectors, low-pass filters of low rank and neighbours sparse as they are; other filters are exported as
    low rank plus sparse, by default as the section ``compress.export`` has it by default.
    """
    export = export or Export()
    if isinstance(candidate, Blend):
        parts = [form(part, n_items, export) for part in candidate.parts]
        entries = min(n_items, sum(part.entries for part in parts))
        return Form(sum(part.stored for part in parts), sum(part.folded for part in parts), entries)
    if isinstance(candidate, Gnn):
        layers = len(candidate.operators) + 1 if candidate.combination == "concat" else 1
        return Form(stored=candidate.dimension * layers)
    if candidate.kind == "low_pass":
        return Form(folded=min(candidate.rank, n_items))
    if candidate.kind == "neighbours":
        return Form(entries=min(candidate.neighbours, n_items))
    return Form(folded=min(export.rank, n_items), entries=min(export.top_k, n_items))
