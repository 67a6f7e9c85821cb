"""Histories of a graph as the queries that serving answers."""

from __future__ import annotations

import numpy as np

from recsmith.engine.filters.base import histories as weighted
from recsmith.graph.graph import Graph
from recsmith.serving.model import Batch
from recsmith.serving.tensors import stored_rows


def histories(graph: Graph) -> Batch:
    """Everybody's history, each item once, with weights unless all are 1."""
    matrix = weighted(graph)
    indptr = matrix.indptr.astype(np.int64)
    weights = None if (matrix.data == 1).all() else matrix.data
    return Batch(indptr, matrix.indices.astype(np.int32), weights, stored_rows(indptr))
