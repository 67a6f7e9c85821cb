"""A student without a graph: one vector a node, learnt from the interactions and from the teacher's lists.

Nothing is propagated, so that a new interaction changes the vector of its user and no other, and whoever is unknown is
folded in from a history. (Graph-less networks, Zhang et al. 2022, learn from a graph's teacher in the same way.)
"""

from __future__ import annotations

from functools import partial

from recsmith.compress.origin import Form, Made, Origin
from recsmith.compress.student.rank import rank_guide
from recsmith.compress.student.trained import dimensions, resized, trained
from recsmith.config.compress import Compress
from recsmith.model.architecture import Architecture, Gnn

PLAIN = Gnn(loss="sampled_softmax", temperature=0.2, negatives=64, learning_rate=0.01, weight_decay=0.1)
"""How the student of a filter or a blend is trained beside its teacher's lists: they name no loss of their own."""


def forms(params: Compress, architecture: Architecture) -> dict[str, Form]:
    """``graph-free 32``, of any teacher; of a network's own dimension too, since what goes is the graph."""
    teacher = architecture if isinstance(architecture, Gnn) else PLAIN
    largest = teacher.dimension if isinstance(architecture, Gnn) else params.export.rank
    return {
        f"graph-free {dimension}": partial(_made, resized(_without_graph(teacher), dimension))
        for dimension in dimensions(params, largest)
    }


def _without_graph(network: Gnn) -> Gnn:
    """Matrix factorisation with the network's loss and optimiser."""
    none = {"operators": (), "inputs": (), "combination": "last", "contrast": "none", "edge_dropout": 0.0, "heads": 1}
    return network.model_copy(update=none)


def _made(student: Gnn, origin: Origin) -> Made:
    return trained(origin, student, rank_guide(origin))
