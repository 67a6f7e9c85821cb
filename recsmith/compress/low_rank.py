"""The best low rank of an item filter, by a randomised singular value decomposition."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from recsmith.compress.filter_rows import FilterRows

OVERSAMPLING = 16
POWER_ITERATIONS = 2
NEGLIGIBLE = 1e-6
"""Singular values below this share of the largest are rounding."""


def factors(matrix: FilterRows, rank: int, weight: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """``W, V`` with ``P ~ W V^T``, the best for histories in which item i weighs ``weight[i]``.

    Halko, Martinsson, Tropp 2011, algorithm 4.4 on ``diag(weight) P``; the scale of each column is shared out evenly
    between the two, so that a row of either can be quantised with one scale.
    Shapes: weight (I,) -> W (I, r), V (I, r) float32 with r at most ``rank`` and the rank of P, at least 1. Seeded.
    """
    width = min(rank + OVERSAMPLING, matrix.n_items)
    sketch = np.random.default_rng(seed).standard_normal((width, matrix.n_items)).astype(np.float32)
    basis = _orthonormal(matrix.left(sketch * weight).T)
    for _ in range(POWER_ITERATIONS):
        left = _orthonormal(weight[:, None] * matrix.times(basis))
        basis = _orthonormal(matrix.left(left.T * weight).T)
    image = matrix.times(basis)
    _, values, turn = linalg.svd(weight[:, None] * image, full_matrices=False)
    kept = turn[: max(1, min(rank, int(np.count_nonzero(values > NEGLIGIBLE * values[0]))))].T
    return balanced(image @ kept, basis @ kept)


def _orthonormal(vectors: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the columns. Shapes: (n, r) -> (n, min(n, r)) float32."""
    return np.linalg.qr(vectors)[0].astype(np.float32)


def balanced(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same product with columns of equal length on both sides. Shapes: left, right (I, r)."""
    ratio = np.linalg.norm(left, axis=0) / np.maximum(np.linalg.norm(right, axis=0), NEGLIGIBLE)
    share = np.where(ratio > 0, np.sqrt(ratio), 1)
    return (left / share).astype(np.float32), (right * share).astype(np.float32)
