"""A random turn of the vectors, after which every column carries about as much as any other.

Levels that all columns share then fit all of them, and errors are independent of direction (QuIP, Chee et al. 2023,
section 4; RaBitQ, Gao and Long 2024, section 3). Scores stay what they are.
"""

from __future__ import annotations

import numpy as np

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.turned import mixable, turned
from recsmith.serving.model import ServingModel

PRECISIONS = ("int4", "int2", "int1", "reranked")


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """``model`` with its vectors turned where ``knobs.precision`` has levels that all columns share."""
    return spread(model, calibration.seed) if knobs.precision in PRECISIONS else model


def spread(model: ServingModel, seed: int) -> ServingModel:
    """``model`` with its vectors turned, as far as their columns may be mixed."""
    if model.item_vectors is None:
        return model
    turn, draw = np.zeros((model.rank, model.rank)), np.random.default_rng(seed)
    for own in mixable(model):
        turn[np.ix_(own, own)] = np.linalg.qr(draw.standard_normal((len(own), len(own))))[0]
    return turned(model, turn, turn)
