"""Several candidates whose scores add up."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from recsmith.config.base import Section
from recsmith.model.gnn import Gnn
from recsmith.model.item_filter import Filter

Part = Annotated[Gnn | Filter, Field(discriminator="family")]


class Blend(Section):
    """Networks and filters of one graph, their scores divided by their spread and added up with weights.

    A weighted hybrid (Burke 2002, section 3.1). What serves stays ``q V^T + h S``: vectors stand side by side, sparse
    tables are added.
    """

    family: Literal["blend"] = "blend"
    parts: tuple[Part, ...] = Field(min_length=2)
    weights: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...]
    """Of each part's scores."""
    epochs: tuple[Annotated[int, Field(ge=0)], ...]
    """How long each part is trained, as was best on valid; 0 for filters."""

    @model_validator(mode="after")
    def _consistent(self) -> Blend:
        if not len(self.parts) == len(self.weights) == len(self.epochs):
            raise ValueError(
                f"{len(self.parts)} parts need as many weights and epochs, not {len(self.weights)} and "
                f"{len(self.epochs)}"
            )
        if any(isinstance(part, Gnn) != (epochs > 0) for part, epochs in zip(self.parts, self.epochs, strict=True)):
            raise ValueError("networks are trained for at least one epoch, filters for none")
        if len({part.recency for part in self.parts if isinstance(part, Filter)}) > 1:
            raise ValueError("filters of a blend share their recency: they read one history")
        return self

    @property
    def recency(self) -> float:
        """How fast histories fade for the filters among the parts."""
        return next((part.recency for part in self.parts if isinstance(part, Filter)), 0.0)
