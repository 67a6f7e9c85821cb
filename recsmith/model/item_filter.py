"""Knobs of an item filter, every one of which the search may turn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from recsmith.config.base import Section


class Filter(Section):
    """A training-free filter of the normalised item-item graph: scores = history @ P, P (I, I).

    With ``R~ = D_u^-1/2 R D_i^-1/2`` and ``G = R~^T R~``: linear is ``P = D^-a G D^b``; low_pass projects on the
    leading right singular vectors ``V`` of R~, ``P = D^-a V V^T D^b``; polynomial is ``P = D^-a p(G) D^b`` with p the
    Chebyshev interpolation of a plateau; neighbours is cosine with shrinkage, the k nearest; ridge is EASE (Steck 2019,
    equation 8); mixture is a weighted sum of these.
    """

    family: Literal["filter"] = "filter"
    kind: Literal["linear", "low_pass", "polynomial", "neighbours", "ridge", "mixture"] = "linear"
    left_exponent: float = Field(default=0.35, ge=-1, le=1)
    right_exponent: float = Field(default=0.35, ge=-1, le=1)
    rank: int = Field(default=256, ge=1)
    """low_pass: singular vectors; a larger number than the matrix has means all of them."""
    order: int = Field(default=8, ge=1)
    """polynomial: its degree, each of which costs two sparse products."""
    flatness: float = Field(default=1.5, gt=0)
    """polynomial: how flat the plateau is around the middle of the spectrum (Kim et al. 2025)."""
    neighbours: int = Field(default=100, ge=1)
    shrink: float = Field(default=0.0, ge=0)
    l2: float = Field(default=500.0, gt=0)
    recency: float = Field(default=0.0, ge=0, le=4)
    """How fast a history fades when it is scored: an item weighs ``(1 + n)^-recency``, n later ones in the history; 0:
    all alike. P is fitted to whole histories whatever it is."""
    parts: tuple[Filter, ...] = ()
    """mixture: what is added up."""
    weights: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] = ()
    """mixture: the factor of each part."""

    @model_validator(mode="after")
    def _consistent(self) -> Filter:
        if (self.kind == "mixture") != bool(self.parts):
            raise ValueError("parts belong to kind = mixture, which needs at least one")
        if len(self.parts) != len(self.weights):
            raise ValueError(f"{len(self.parts)} parts need as many weights, not {len(self.weights)}")
        if any(part.kind == "mixture" for part in self.parts):
            raise ValueError("a part of a mixture is no mixture itself")
        if any(part.recency for part in self.parts):
            raise ValueError("recency belongs to the mixture, not to its parts: they read one history")
        return self
