"""What an edge weighs."""

from __future__ import annotations

import numpy as np

from recsmith.config.graph import Graph as Params
from recsmith.errors import UserError, unknown

CHUNK = 2**22
"""Edges that are weighed at once."""


def edge_weights(weight: np.ndarray, event: np.ndarray, events: tuple[str, ...], params: Params) -> np.ndarray:
    """Normalised weights, each times the factor of its event.

    Shapes: weight (E,) float64 as it came (NaN: none), event (E,) codes into ``events`` -> (E,) float32.
    Raises UserError where the parameters need weights that are missing, infinite or negative, or name an unknown event.
    """
    for name in params.event_weights:
        if name not in events:
            raise unknown("params.yaml: graph.event_weights", name, events)
    if params.weight != "binary":
        _check(weight, params.weight)
    largest = weight.max(initial=0.0)
    factors = np.array([params.event_weights.get(name, 1.0) for name in events])
    found = np.empty(len(event), np.float32)
    for start in range(0, len(event), CHUNK):
        part = slice(start, start + CHUNK)
        found[part] = _normalised(weight[part], params.weight, largest) * factors[event[part]]
    return found


def _normalised(weight: np.ndarray, how: str, largest: float) -> np.ndarray:
    if how == "binary":
        return np.ones(len(weight))
    if how == "log":
        return np.log1p(weight)
    return weight / largest if how == "max" and largest > 0 else weight


def _check(weight: np.ndarray, how: str) -> None:
    faults = {
        "without a number": int(np.isnan(weight).sum()),
        "infinite": int(np.isinf(weight).sum()),
        "negative": int((weight < 0).sum()),
    }
    found = ", ".join(f"{number:,} {name}" for name, number in faults.items() if number)
    if found:
        raise UserError(
            f"params.yaml: graph.weight = {how!r} needs a finite weight of at least 0 on every interaction; of "
            f"{len(weight):,} there are {found}. Set graph.weight: binary, or split.min_weight to drop the small ones."
        )
