"""Section ``compress``: how small, at what price."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recsmith.config.base import Section

Precision = Literal["float32", "float16", "int8", "int4", "int2", "int1", "product"]
Pruner = Literal["L1", "L2", "FPGM", "SVD"]


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
    precision: tuple[Precision, ...] = Field(default=("int8", "int4"), min_length=1)
    sparsity: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = Field(default=(0.0, 0.5, 0.75), min_length=1)
    """Shares of sparse entries that are pruned; of vector columns where there are no such entries."""
    pruner: Pruner = "SVD"
    """What goes of the columns; SVD turns the vectors first, so that the directions that matter least go."""
    block: int = Field(default=0, ge=0)
    """Columns that share a scale in 4, 2 and 1 bits; 0: the whole row."""
    bytes_a_row: int = Field(default=16, ge=1)
    """Codes of a row in product quantisation."""
    min_retained: float = Field(default=0.99, ge=0, le=1)
    """The smallest recipe that keeps this share of the best is chosen; where none does, the best."""
    gate: Gate = Gate()
