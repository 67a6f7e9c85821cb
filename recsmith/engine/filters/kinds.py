"""The kinds that a mixture can hold; a new one is a file and a line here."""

from __future__ import annotations

from recsmith.engine.filters.base import Fit
from recsmith.engine.filters.low_pass import LowPass
from recsmith.engine.filters.neighbours import Neighbours
from recsmith.engine.filters.polynomial import Polynomial
from recsmith.engine.filters.ridge import Ridge

PARTS: dict[str, Fit] = {
    "linear": Polynomial.fit,
    "low_pass": LowPass.fit,
    "polynomial": Polynomial.fit,
    "neighbours": Neighbours.fit,
    "ridge": Ridge.fit,
}
