"""What a network holds and what it costs to make all of its vectors once."""

from __future__ import annotations

from dataclasses import dataclass

from recsmith.compress.slim.cut import Learnt
from recsmith.graph.graph import Graph
from recsmith.model.gnn import Gnn

HEARD = {"lightgcn": 1, "gcn": 1, "sage": 1, "gat": 1, "gin": 1, "ngcf": 1, "rgcn": 1, "transformer": 2}
"""Products of the graph with a table; attention also makes its logits from one."""


@dataclass(frozen=True)
class Size:
    """Of one network on one graph."""

    parameters: int
    multiply_adds: int
    """Of one propagation of all nodes: products with the graph and with weights."""

    def against(self, before: Size) -> str:
        """As in ``parameters 1,000 -> 500, multiply-adds of a propagation 9,000 -> 3,000``."""
        return (
            f"parameters {before.parameters:,} -> {self.parameters:,}, multiply-adds of a propagation "
            f"{before.multiply_adds:,} -> {self.multiply_adds:,}"
        )


def size(architecture: Gnn, learnt: Learnt, graph: Graph) -> Size:
    """Counted from the shapes of the weights and the edges of the graph."""
    nodes, layers = graph.n_users + graph.n_items, len(architecture.operators) + 1
    entries = 2 * graph.n_edges
    heard = sum(HEARD.get(name, 0) for name in architecture.operators) * entries * architecture.dimension
    weights = sum(
        value.numel() * nodes * (layers if name.startswith("combination.") else 1)
        for name, value in learnt.items()
        if value.dim() == 2 and name != "embeddings" and not name.endswith("edges.table")
    )
    return Size(sum(value.numel() for value in learnt.values()), heard + weights)
