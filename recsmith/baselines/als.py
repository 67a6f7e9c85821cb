"""Alternating least squares on implicit feedback (Hu, Koren and Volinsky 2008) by the library ``implicit``."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import torch
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from recsmith.baselines.candidate import Candidate
from recsmith.config.baseline import Baseline
from recsmith.engine.filters.base import histories
from recsmith.engine.fit import FitSettings
from recsmith.engine.vectors import Vectors, vectors
from recsmith.graph.graph import Graph


def candidates(params: Baseline) -> list[Candidate]:
    """Every combination of factors, regularisation and confidence."""
    grid = product(params.als.factors, params.als.regularization, params.als.alpha)
    return [
        Candidate(
            "als",
            knobs={
                "factors": factors,
                "regularization": regularization,
                "alpha": alpha,
                "iterations": params.als.iterations,
            },
        )
        for factors, regularization, alpha in grid
    ]


def fit(candidate: Candidate, graph: Graph, settings: FitSettings) -> Vectors:
    """Factors of users and items, always on the processor; equal seeds give equal bytes."""
    knobs: dict[str, Any] = dict(candidate.knobs)
    # implicit's own threads share the rows; BLAS threads below them would only get in each other's way.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            **knobs, dtype=np.float32, num_threads=settings.threads, random_state=settings.seed
        )
        model.fit(histories(graph), show_progress=False)
    return vectors(torch.from_numpy(model.user_factors), torch.from_numpy(model.item_factors), graph)
