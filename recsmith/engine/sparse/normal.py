"""The user-item matrix that filters read, and its normalisation by degrees."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from recsmith.graph.graph import Graph


def histories(graph: Graph) -> sparse.csr_matrix:
    """What filters read, (U, I) float32: 1 where an item was touched, or summed weights where any edge weighs not 1."""
    return graph.binary if bool((graph.weight == 1).all()) else graph.weighted


def queries(graph: Graph, recency: float) -> sparse.csr_matrix:
    """Histories as filters score them: an item weighs less, the more came after it (``Filter.recency``).

    Of several events with an item the last one counts. Shapes: -> (U, I) float32, entries as in :func:`histories`.
    """
    whole = histories(graph)
    if not recency:
        return whole
    later = np.minimum.reduceat(graph.later, np.flatnonzero(~graph.repeats))
    faded = (whole.data * (1.0 + later) ** -recency).astype(np.float32)
    return sparse.csr_matrix((faded, whole.indices, whole.indptr), shape=whole.shape)


def power(degree: np.ndarray, exponent: float) -> np.ndarray:
    """``degree ** exponent`` (float64), 0 where the degree is 0, so that nobody's row or column turns into NaN."""
    degree = np.asarray(degree, np.float64)
    return np.where(degree > 0, np.where(degree > 0, degree, 1.0) ** exponent, 0.0)


def degrees(matrix: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the sizes of entries by row and by column; shapes: (U, I) -> (U,), (I,) float64."""
    size = abs(matrix)
    return tuple(np.asarray(size.sum(axis, dtype=np.float64)).ravel() for axis in (1, 0))  # pyright: ignore[reportReturnType]


def normalised(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """``R~ = D_u^-1/2 R D_i^-1/2``, whose singular values are at most 1; shapes: (U, I) -> (U, I) float32."""
    people, items = degrees(matrix)
    rows = np.repeat(power(people, -0.5), np.diff(matrix.indptr))
    values = (matrix.data * rows * power(items, -0.5)[matrix.indices]).astype(np.float32)
    return sparse.csr_matrix((values, matrix.indices, matrix.indptr), shape=matrix.shape)
