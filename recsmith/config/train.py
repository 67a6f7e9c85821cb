"""Section ``train``: how long and by what means the winner learns."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recsmith.config.base import Section, one_of
from recsmith.model.names import PRECISIONS


class Train(Section):
    """Budget and means of the winner's training."""

    max_epochs: int = Field(default=80, ge=1)
    patience: int = Field(default=6, ge=1)
    """Evaluations without a better valid metric before training stops."""
    precision: Annotated[str, one_of(PRECISIONS)] = "float32"
    """bfloat16: products in 16 bits where they gain by it (GPU); weights and the loss stay float32."""
    accumulate: int = Field(default=1, ge=1)
    """Parts into which a batch is cut to save memory; the step is that of the whole batch."""
    fan_out: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Neighbours drawn for a node, from the last layer to the first; empty: train on the whole graph."""
    warm_start: bool = False
    """Networks start from what the incumbent (``data/incumbent``) learnt, where it is of the same architecture.

    Off, because it was measured to end a little lower (benchmarks/README.md); on where nights are too short.
    """
    checkpoint_seconds: float = Field(default=10.0, ge=0)
    """Least time between two checkpoints, from which an interrupted training goes on."""
