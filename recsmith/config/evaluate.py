"""Section ``evaluate``: what is measured on the sealed test."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recsmith.config.base import Section

Positive = Annotated[int, Field(ge=1)]


class Evaluate(Section):
    """Cut-offs, intervals and slices."""

    cutoffs: tuple[Positive, ...] = Field(default=(5, 10, 20), min_length=1)
    bootstrap: int = Field(default=1000, ge=100)
    confidence: float = Field(default=0.95, gt=0, lt=1)
    negatives: int = Field(default=1, ge=1)
    """Sampled non-pairs for each test pair in link prediction."""
    activity: tuple[Positive, ...] = (10, 50, 200)
    """Edges of the slices by the number of interactions that a user had before the test."""
