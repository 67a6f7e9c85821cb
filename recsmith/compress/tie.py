"""Half of a filter's vectors: ``W = diag(s) V diag(+-1)`` where the filter is symmetric but for a factor an item.

Polynomials of the normalised graph and ridge filters are: ``D^-b G D^b`` and ``I - K diag(K)^-1`` with symmetric G, K.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recsmith.serving.model import ServingModel
from recsmith.serving.tables import Table
from recsmith.serving.tied import TiedTable

ANCHORS = 2000
"""Popular items by which the factor of every other item is found."""
ITERATIONS = 100
RANGE = 1e3
"""Factors are at most so many times larger or smaller than their geometric mean."""
TINY = 1e-30


def tied(model: ServingModel) -> ServingModel:
    """A filter of low rank with one table instead of two; columns are ordered by what they explain.

    With the ``x`` that makes ``diag(x) W V^T`` as symmetric as can be, its eigenvectors of the largest magnitudes give
    ``V``, their signs the columns' factors, and ``s = 1 / x``.
    """
    assert model.item_vectors is not None
    assert model.projection is not None
    left, right = model.projection.dequantised(), model.item_vectors.dequantised()
    factor = symmetrising(left, right, np.asarray(model.popularity))
    vectors, signs = _eigen(left * factor[:, None], right)
    table = Table(vectors)
    return replace(model, item_vectors=table, projection=TiedTable(table, (1 / factor).astype(np.float16), signs))


def symmetrising(left: np.ndarray, right: np.ndarray, popularity: np.ndarray) -> np.ndarray:
    """``x`` with ``x_i P_ij = x_j P_ji`` in least squares, for ``P = left right^T`` off its diagonal.

    A fixed point of ``x_i = sum_j P_ij P_ji x_j / sum_j P_ij^2`` over the most popular items j, whose own factors are
    found first. Shapes: left, right (I, r), popularity (I,) -> (I,) float32, geometric mean 1 over those items.
    """
    anchors = np.argsort(-popularity, kind="stable")[:ANCHORS]
    rows, columns = left @ right[anchors].T, right @ left[anchors].T
    both, size = _off_diagonal(rows * columns, anchors), _off_diagonal(rows * rows, anchors).sum(axis=1)
    size = np.maximum(size, TINY)
    found = np.ones(len(anchors))
    for _ in range(ITERATIONS):
        found = _bounded(both[anchors] @ found / size[anchors])
        found /= np.exp(np.mean(np.log(found)))
    out = _bounded(both @ found / size)
    out[popularity == 0] = 1
    return out.astype(np.float32)


def _off_diagonal(products: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    products[anchors, np.arange(len(anchors))] = 0
    return products


def _bounded(factor: np.ndarray) -> np.ndarray:
    return np.clip(factor, 1 / RANGE, RANGE)


def _eigen(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``Z, s`` with ``Z diag(s) Z^T`` the best for the symmetric part of ``left right^T``; s is 1 or -1.

    Shapes: left, right (I, r) -> (I, r) float32, (r,) float32.
    """
    basis, _ = np.linalg.qr(np.concatenate((left, right), axis=1))
    small = (basis.T @ left) @ (right.T @ basis)
    values, turn = np.linalg.eigh((small + small.T) / 2)
    order = np.argsort(-np.abs(values), kind="stable")[: left.shape[1]]
    vectors = basis @ (turn[:, order] * np.sqrt(np.abs(values[order])))
    return vectors.astype(np.float32), np.where(values[order] < 0, -1, 1).astype(np.float32)
