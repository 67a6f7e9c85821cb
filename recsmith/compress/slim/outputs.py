"""The vectors that a network makes with given weights."""

from __future__ import annotations

import torch

from recsmith.compress.slim.cut import Learnt
from recsmith.engine.network.gnn import Network
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.vectors import Vectors, vectors
from recsmith.graph.graph import Graph
from recsmith.model.gnn import Gnn


def loaded(architecture: Gnn, learnt: Learnt, graph: Graph) -> Network:
    """The network with these weights, on the CPU."""
    made = Network(architecture, graph.n_users + graph.n_items, max(1, len(graph.events)))
    made.load_state_dict(dict(learnt))
    return made.eval()


def outputs(architecture: Gnn, learnt: Learnt, graph: Graph) -> Vectors:
    """One propagation over ``graph``."""
    with torch.no_grad():
        nodes = loaded(architecture, learnt, graph)(Adjacency(graph, torch.device("cpu")))
    return vectors(nodes[: graph.n_users].clone(), nodes[graph.n_users :].clone(), graph)
