"""Whose weights a network begins from: the nearest of the finished networks that the driver knew of.

It is decided where a trial is proposed and stands in the proposal, so that a search that is run again decides the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from recsmith.search.tree import Tree, knobs_of
from recsmith.search.vector import Vectors


class Parents:
    """The finished networks of one run of a search, in the order in which they were told."""

    def __init__(self, tree: Tree) -> None:
        self.vectors = Vectors(tree)
        self.keys: list[str] = []
        self.places: list[np.ndarray] = []

    def add(self, proposal: dict[str, Any], key: str) -> None:
        """Note a trial with a result, whose record lies under ``key``; only networks have weights."""
        if _is_network(proposal):
            self.keys.append(key)
            self.places.append(self.vectors.encode(knobs_of(proposal)))

    def nearest(self, proposal: dict[str, Any]) -> str | None:
        """The key of the nearest network by the distance of the vectors, of equals the latest; None without any."""
        if not self.keys or not _is_network(proposal):
            return None
        here = self.vectors.encode(knobs_of(proposal))
        distances = np.linalg.norm(np.stack(self.places) - here, axis=1)
        return self.keys[int(np.flatnonzero(distances == distances.min())[-1])]


def _is_network(proposal: dict[str, Any]) -> bool:
    family = proposal.get("family")
    return isinstance(family, dict) and family.get("_name") == "gnn"
