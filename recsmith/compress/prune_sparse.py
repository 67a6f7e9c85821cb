"""Magnitude pruning of the item-item table: the smallest entries go, chosen by NNI's Level pruner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from nni.compression.pruning import LevelPruner

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.popularity import weights
from recsmith.serving.model import ServingModel
from recsmith.serving.tables import SparseTable


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """``model`` without the share ``knobs.sparsity`` of the entries of ``S``, over all rows together.

    The pruner sees each entry times the root of the popularity of its row: an item that stands in many histories counts
    for more.
    """
    table = model.sparse
    if table is None or round(knobs.sparsity * len(table.data)) < 1:
        return model
    values = table.values()
    weight = np.repeat(weights(model.popularity), np.diff(table.indptr))
    kept = _mask(values * weight, knobs.sparsity)
    return replace(model, sparse=keep(table, values, kept))


def keep(table: SparseTable, values: np.ndarray, kept: np.ndarray) -> SparseTable:
    """The entries where ``kept`` holds. Shapes: values (E,) float32, kept (E,) bool."""
    counts = np.concatenate(([0], np.cumsum(kept)))
    indptr = counts[table.indptr.astype(np.int64)].astype(table.indptr.dtype)
    return SparseTable(indptr, table.indices[kept], values[kept], table.n_columns)


def _mask(values: np.ndarray, sparsity: float) -> np.ndarray:
    """(E,) whether NNI keeps the entry. Shapes: values (E,) float32."""
    linear = torch.nn.Linear(len(values), 1, bias=False)
    linear.weight.data = torch.from_numpy(values.copy())[None]
    pruner = LevelPruner(
        torch.nn.Sequential(linear),
        [{"op_types": ["Linear"], "target_settings": {"weight": {"sparse_ratio": sparsity}}}],
    )
    _, masks = pruner.compress()
    pruner.unwrap_model()
    return masks["0"]["weight"][0].numpy() > 0
