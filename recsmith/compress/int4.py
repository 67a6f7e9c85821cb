"""Four bits a number."""

from __future__ import annotations

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.low_bits import stored
from recsmith.serving.model import ServingModel


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """Vectors of ``model`` with 4 bits a number."""
    return stored(model, knobs, 4)
