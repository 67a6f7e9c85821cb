"""A vector for somebody whose history was not there when the model was trained."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from recsmith.errors import UserError


@dataclass(frozen=True)
class FoldIn:
    """Knobs of the ridge solve (alpha, l2: relative, so that they do not depend on the scale of the vectors), and how
    histories that come in order fade."""

    alpha: float = 40.0
    """Confidence in an interaction beyond that in its absence: ``c = 1 + alpha * weight``."""
    l2: float = 10.0
    """Times the mean diagonal of ``V^T V``."""
    recency: float = 0.0
    """An item of a history weighs ``(1 + n)^-recency``, n later ones."""

    def __post_init__(self) -> None:
        if not all(0 <= value < np.inf for value in astuple(self)):
            raise UserError(
                f"alpha, l2 and recency of a fold-in are finite and not negative; they are {astuple(self)}."
            )


def fading(length: int, recency: float) -> np.ndarray | None:
    """Weights of a history, oldest first; None where all are 1. Shapes: -> (length,) float32."""
    return ((1.0 + np.arange(length)[::-1]) ** -recency).astype(np.float32) if recency else None


def solve(vectors: np.ndarray, weights: np.ndarray, gram: np.ndarray, knobs: FoldIn) -> np.ndarray:
    """The user vector that explains a history best when item vectors are held fixed.

    Hu, Koren, Volinsky 2008, equation 4: ``x = (V^T C V + l I)^-1 V^T C p`` with ``C = 1 + alpha w`` on the history and
    1 elsewhere, ``p`` 1 on the history and 0 elsewhere; ``V^T C V = V^T V + V_h^T (C_h - I) V_h`` keeps it r x r.
    Shapes: vectors (h, r) float32, weights (h,), gram ``V^T V`` (r, r) float64 -> (r,) float32.
    """
    rank = len(gram)
    extra = knobs.alpha * np.maximum(weights, 0).astype(np.float64)
    rows = vectors.astype(np.float64)
    ridge = max(knobs.l2 * np.trace(gram) / rank, np.finfo(np.float64).tiny ** 0.5)
    left = gram + (rows.T * extra) @ rows + ridge * np.eye(rank)
    return np.linalg.solve(left, rows.T @ (1.0 + extra)).astype(np.float32)
