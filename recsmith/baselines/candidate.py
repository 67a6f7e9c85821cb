"""One combination of a baseline's knobs."""

from __future__ import annotations

from dataclasses import dataclass, field

from recsmith.model.architecture import Filter, Gnn
from recsmith.model.record import Knob


@dataclass(frozen=True)
class Candidate:
    """What is tried: an architecture of the search's own type where the baseline is one, else knobs of its own."""

    name: str
    architecture: Gnn | Filter | None = None
    knobs: dict[str, Knob] = field(default_factory=dict)
    """Beside the architecture: values that replace fields of the same name in the fit settings."""
