"""Section ``compress``: how small, at what price."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recsmith.config.base import Section


class Export(Section):
    """Serving form of a filter: low rank plus sparse (``top_k`` entries a row on average).

    Its vectors alone, and all of its bytes in entries, are tried beside it.
    """

    rank: int = Field(default=128, ge=1)
    top_k: int = Field(default=64, ge=0)


class Gate(Section):
    """What must hold, or the line fails."""

    retained: float = Field(default=0.95, ge=0, le=1)
    """Share of the exact model's valid metric that the bundle keeps."""
    ratio: float = Field(default=1.0, gt=0)
    """fp32 export bytes / bundle's model bytes."""


class Compress(Section):
    """The recipes that are tried and the rule that picks one."""

    export: Export = Export()
    precision: tuple[Literal["float32", "float16", "int8"], ...] = Field(default=("float16", "int8"), min_length=1)
    sparsity: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = Field(default=(0.0, 0.5, 0.75), min_length=1)
    """Shares of sparse entries that are pruned; of vector columns where there are no such entries."""
    pruner: Literal["L1", "L2", "FPGM"] = "L2"
    min_retained: float = Field(default=0.99, ge=0, le=1)
    """The smallest recipe that keeps this share of the best is chosen; where none does, the best."""
    gate: Gate = Gate()
