"""Numbers as they will be stored, with gradients that pass through as if they were not (Bengio et al. 2013)."""

from __future__ import annotations

import numpy as np
import torch

from recsmith.compress.levels import TINY, fitted, middles

BITS = {"int4": 4, "int2": 2, "int1": 1}


class Rounding:
    """What a precision makes of rows: the levels of a table, fitted now and then, and a scale a row each time.

    Precisions that lose next to nothing, and product codes, leave the rows as they are.
    """

    def __init__(self, precision: str) -> None:
        self.bits = BITS.get(precision, 0)
        self.levels = torch.zeros(0)

    def fit(self, rows: torch.Tensor) -> None:
        """Fit the levels to the rows as they are now. Shapes: rows (n, r)."""
        if self.bits:
            unit = _unit(rows.detach()).numpy().ravel()
            self.levels = torch.from_numpy(fitted(unit[unit != 0], 2**self.bits))

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Shapes: (n, r) -> (n, r) as stored."""
        if not self.bits:
            return rows
        with torch.no_grad():
            border = torch.from_numpy(np.ascontiguousarray(middles(self.levels.numpy())))
            near = self.levels[torch.bucketize(_unit(rows), border)]
            scale = (rows * near).sum(1, keepdim=True) / near.square().sum(1, keepdim=True).clamp_min(float(TINY))
            stored = near * scale
        return rows + (stored - rows).detach()


def _unit(rows: torch.Tensor) -> torch.Tensor:
    """Rows over their root mean square. Shapes: (n, r) -> (n, r)."""
    size = rows.square().mean(1, keepdim=True).sqrt()
    return rows / torch.where(size > 0, size, 1)
