"""Eight bits a number with one scale a row."""

from __future__ import annotations

from dataclasses import replace

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.popularity import narrowed
from recsmith.compress.quantised import quantise, quantise_sparse
from recsmith.compress.vectors import with_vectors
from recsmith.serving.model import ServingModel


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """All tables of ``model`` as int8 with a scale for each row."""
    small = with_vectors(model, lambda table: quantise(table.dequantised()))
    return replace(small, popularity=narrowed(model.popularity), sparse=quantise_sparse(model.sparse))
