"""Histories of a graph as the queries that serving answers."""

from __future__ import annotations

import numpy as np

from recsmith.engine.sparse.normal import queries
from recsmith.graph.graph import Graph
from recsmith.serving.histories import stored_rows
from recsmith.serving.model import Batch


def histories(graph: Graph, recency: float = 0.0) -> Batch:
    """Everybody's history as the model is asked it, each item once, with weights unless all are 1."""
    matrix = queries(graph, recency)
    indptr = matrix.indptr.astype(np.int64)
    weights = None if (matrix.data == 1).all() else matrix.data
    return Batch(indptr, matrix.indices.astype(np.int32), weights, stored_rows(indptr))
