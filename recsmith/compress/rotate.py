"""Fewer columns by turning the vectors first: the directions that scores depend on least go."""

from __future__ import annotations

import numpy as np

from recsmith.compress.columns import kept_count, prunable, sliced
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.turned import turned
from recsmith.serving.model import ServingModel
from recsmith.serving.tied import TiedTable

NEGLIGIBLE = 1e-12
"""Share of the largest variance below which a direction is rounding."""


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """``model`` without the share ``knobs.sparsity`` of its directions where ``knobs.pruner`` is SVD.

    The columns of a tied model are turned so already. Where a sparse table corrects what the vectors miss they stay, as
    they do in a blend, whose columns answer to different tables.
    """
    if knobs.pruner != "SVD" or not prunable(model, knobs.sparsity):
        return model
    ordered = model if isinstance(model.projection, TiedTable) else balanced(model, calibration)
    assert ordered.item_vectors is not None
    size = np.linalg.norm(ordered.item_vectors.dequantised(), axis=0)
    order = np.argsort(-size, kind="stable")[: kept_count(model.rank, knobs.sparsity)]
    return sliced(ordered, order)


def balanced(model: ServingModel, calibration: Calibration) -> ServingModel:
    """The same scores with columns that are uncorrelated, and of equal variance, over queries and over items.

    With ``C`` the second moments of the queries of the calibration and ``S`` those of the items, each weighed by the
    root of its popularity, ``C^1/2 S C^1/2 = U L U^T`` gives ``V T`` and ``q T^-T`` with ``T = C^1/2 U L^-1/4`` (Moore
    1981, balancing): cutting a column then costs both sides the same.
    """
    if model.item_vectors is None:
        return model
    items, queries = model.item_vectors.dequantised().astype(np.float64), _queries(model, calibration)
    weight = np.sqrt(np.maximum(model.popularity.astype(np.float64), 1))
    root, back = _roots(queries.T @ queries / len(queries))
    spread, turn = np.linalg.eigh(root @ (items.T * weight) @ items @ root)
    spread, turn = np.maximum(spread[::-1], NEGLIGIBLE * spread[-1]) ** 0.25, turn[:, ::-1]
    to_items, to_queries = root @ turn / spread, back @ turn * spread
    return turned(model, to_items, to_queries)


def _queries(model: ServingModel, calibration: Calibration) -> np.ndarray:
    """(B, r) float64 vectors of everybody with a history."""
    return model.vectors(calibration.known()).astype(np.float64)


def _roots(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The symmetric root and its inverse. Shapes: (r, r) -> two of (r, r)."""
    spread, turn = np.linalg.eigh(moments)
    size = np.sqrt(np.maximum(spread, NEGLIGIBLE * spread[-1]))
    return (turn * size) @ turn.T, (turn / size) @ turn.T
