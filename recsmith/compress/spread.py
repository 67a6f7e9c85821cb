"""A random turn of the vectors, after which every column carries about as much as any other.

Levels that all columns share then fit all of them, and errors are independent of direction (QuIP, Chee et al. 2023,
section 4; RaBitQ, Gao and Long 2024, section 3). Scores stay what they are.
"""

from __future__ import annotations

import numpy as np

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.turned import turned
from recsmith.serving.model import ServingModel
from recsmith.serving.tied import TiedTable

PRECISIONS = ("int4", "int2", "int1")


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """``model`` with its vectors turned where ``knobs.precision`` has levels that all columns share."""
    return spread(model, calibration.seed) if knobs.precision in PRECISIONS else model


def spread(model: ServingModel, seed: int) -> ServingModel:
    """``model`` with its vectors turned; columns of a tied model only among those of their own factor, and those that
    are projected on apart from those that are stored."""
    if model.item_vectors is None:
        return model
    turn, tie = np.zeros((model.rank, model.rank)), model.projection
    factors = tie.columns if isinstance(tie, TiedTable) else np.arange(model.rank) < model.projected
    draw = np.random.default_rng(seed)
    for factor in np.unique(factors):
        own = np.flatnonzero(factors == factor)
        turn[np.ix_(own, own)] = np.linalg.qr(draw.standard_normal((len(own), len(own))))[0]
    return turned(model, turn, turn)
