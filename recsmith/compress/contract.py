"""What every compression method is: one file with a function ``compress(model, calibration, knobs) -> model``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from recsmith.config.compress import Precision, Prune, Pruner, Quantiser, Rerank, Tune
from recsmith.errors import UserError
from recsmith.serving.model import Batch, ServingModel

WHOLE_BITS = {"int8": 8, "int4": 4, "int2": 2}
"""Precisions that are whole numbers times a scale."""


@dataclass(frozen=True)
class Knobs:
    """What a recipe asks of the methods; each reads its own."""

    precision: Precision = "float32"
    sparsity: float = 0.0
    """Share of vector columns and of sparse entries that go."""
    pruner: Pruner = "L2"
    block: int = 0
    """Columns that share a scale in tables of 4, 2 and 1 bits; 0: the whole row does."""
    bytes_a_row: int = 16
    """Codes of a row of a product-quantised table."""
    prune: Prune = field(default_factory=Prune)
    """How pruners that learn do so."""
    tune: Tune = field(default_factory=Tune)
    """Fine-tuning."""
    quantiser: Quantiser = "rows"
    """Who finds the scales of whole numbers: the rows themselves, or NNI by calibration or training."""
    rerank: Rerank = field(default_factory=Rerank)
    """What a scan of one bit is followed by."""
    refit: int = 0
    """Rounds in which stored people are fitted to the items as they are stored."""

    @property
    def simulated(self) -> bool:
        """Whether NNI quantises; it has no whole numbers of 1 bit."""
        return self.quantiser != "rows" and self.precision in WHOLE_BITS


@dataclass(frozen=True)
class Calibration:
    """What a method may learn from: the histories that the model was fitted on, and a seed."""

    histories: Batch
    seed: int = 7
    teacher: ServingModel | None = None
    """What was exported, whose lists a fine-tuned model learns; None: what it is given."""

    def known(self) -> Batch:
        """The histories that hold something; UserError where there are none."""
        filled = np.flatnonzero(np.diff(self.histories.indptr))
        if not len(filled):
            raise UserError(
                "There are no histories to calibrate on; methods that need some (params.yaml: compress.pruner: SVD, "
                "Taylor, Movement, AGP; compress.tune.epochs or compress.refit above 0; compress.quantiser: ptq, qat) "
                "cannot be used."
            )
        return self.histories.take(filled)


class Method(Protocol):
    """Takes a model that serves and gives back one that is no larger, with the same items."""

    def __call__(self, model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel: ...
