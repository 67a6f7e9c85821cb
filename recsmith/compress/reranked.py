"""One bit a number for the scan, and a short list that is scored again by finer rows, which are stored beside them."""

from __future__ import annotations

from dataclasses import replace

from recsmith.compress import int4, int8
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.levels import quantise
from recsmith.serving.model import ServingModel
from recsmith.serving.reranked import RerankedTable

FINER = {"int8": int8.compress, "int4": int4.compress}
BITS = 1


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """``model`` in ``knobs.rerank.precision``, scanned by one bit a number and a scale a row.

    Of the scan the best ``knobs.rerank.items`` are scored exactly. A model without vectors has nothing to scan.
    """
    small = FINER[knobs.rerank.precision](model, calibration, knobs)
    if model.item_vectors is None or small.item_vectors is None:
        return small
    scanned = quantise(model.item_vectors.dequantised(), BITS)
    return replace(small, item_vectors=RerankedTable(scanned, small.item_vectors, knobs.rerank.items))
