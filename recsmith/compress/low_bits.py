"""Four, two or one bit a number: levels fitted to the table, and a scale for each row or block of it."""

from __future__ import annotations

from recsmith.compress.contract import Knobs
from recsmith.compress.levels import quantise
from recsmith.compress.vectors import with_items
from recsmith.serving.model import ServingModel


def stored(model: ServingModel, knobs: Knobs, bits: int) -> ServingModel:
    """Item vectors and projection with ``bits`` a number."""
    return with_items(model, lambda table: quantise(table.dequantised(), bits, knobs.block))
