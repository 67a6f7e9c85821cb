"""Section ``graph``: what an edge weighs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recsmith.config.base import Section

Factor = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Graph(Section):
    """How an edge's weight is made from the interaction's."""

    weight: Literal["binary", "raw", "max", "log"] = "binary"
    """binary: 1; raw: as it came; max: divided by the largest of the graph; log: log(1 + weight)."""
    event_weights: dict[str, Factor] = Field(default_factory=dict)
    """Event -> factor on the weight of its edges; 1 for events that are not named."""
