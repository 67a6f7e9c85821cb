"""What every compression method is: one file with a function ``compress(model, knobs) -> model``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from recsmith.serving.model import ServingModel


@dataclass(frozen=True)
class Knobs:
    """What a recipe asks of the methods; each reads its own."""

    precision: Literal["float32", "float16", "int8"] = "float32"
    sparsity: float = 0.0
    """Share of vector columns and of sparse entries that go."""
    pruner: Literal["L1", "L2", "FPGM"] = "L2"


class Method(Protocol):
    """Takes a model that serves and gives back one that is no larger, with the same items."""

    def __call__(self, model: ServingModel, knobs: Knobs) -> ServingModel: ...
