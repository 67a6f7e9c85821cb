"""Which rows of a matrix stay by what is in them, chosen by NNI's norm pruners."""

from __future__ import annotations

import numpy as np
import torch
from nni.compression.pruning import FPGMPruner, L1NormPruner, L2NormPruner

from recsmith.compress.units import unit_of
from recsmith.errors import UserError

NORMS = {"L1": L1NormPruner, "L2": L2NormPruner, "FPGM": FPGMPruner}


def kept_rows(matrix: np.ndarray, gone: int, pruner: str) -> np.ndarray:
    """Which rows stay where ``gone`` of them go. UserError where a number is none.

    Shapes: matrix (n, m) float32 -> (n,) bool.
    """
    if not np.isfinite(matrix).all():
        raise UserError("A table holds numbers that are not finite; nothing can be ranked by them. Train it again.")
    linear = torch.nn.Linear(matrix.shape[1], len(matrix), bias=False)
    linear.weight.data = torch.from_numpy(np.ascontiguousarray(matrix / unit_of(matrix), np.float32))
    target = {"weight": {"sparse_ratio": ratio(gone, len(matrix))}}
    chosen = NORMS[pruner](torch.nn.Sequential(linear), [{"op_types": ["Linear"], "target_settings": target}])
    _, masks = chosen.compress()
    chosen.unwrap_model()
    return masks["0"]["weight"][:, 0].numpy() > 0


def ratio(gone: int, n: int) -> float:
    """The share that makes NNI, which rounds down, take exactly ``gone`` of ``n``."""
    return (gone + 0.5) / n
