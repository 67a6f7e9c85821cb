"""The typed space of architectures: NNI search-space JSON, sampler, validator, and the way back to an architecture.

One declaration (``recsmith.config.search.Space``, a preset with overrides) gives a tree of choices
(``recsmith.search.tree``), a branch for each family.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from recsmith.config.search import Search, Space
from recsmith.model.architecture import Architecture, Blend, Filter, Gnn
from recsmith.search import filter_space, gnn_space
from recsmith.search.presets import knobs
from recsmith.search.tree import Tree, choice, flat, knobs_of, sample, size, validate


@dataclass(frozen=True)
class SearchSpace:
    """All candidates that may be proposed."""

    knobs: Space

    @cached_property
    def tree(self) -> Tree:
        """NNI's search space."""
        trees = {"gnn": gnn_space.gnn_tree, "filter": filter_space.filter_tree}
        return {"family": choice([{"_name": name, **trees[name](self.knobs)} for name in self.knobs.families])}

    @property
    def size(self) -> int:
        """The number of different proposals."""
        return size(self.tree)

    def sample(self, generator: np.random.Generator) -> dict[str, Any]:
        """Draw a proposal; each choice uniformly."""
        return sample(self.tree, generator)

    def architecture(self, parameters: Any) -> Gnn | Filter:
        """The architecture that a proposal stands for; UserError where it is none of this space."""
        values = flat(knobs_of(validate(parameters, self.tree)))
        return filter_space.to_filter(values) if values["family"] == "filter" else gnn_space.to_gnn(values)

    def expresses(self, candidate: Architecture | None) -> bool:
        """Whether a candidate of other origin may be crowned: its family, form and size are among the choices.

        Knobs of training and strength (learning rate, l2, ...) may take values between the choices.
        """
        if isinstance(candidate, Blend):
            return all(self.expresses(part) for part in candidate.parts)
        if isinstance(candidate, Filter):
            return "filter" in self.knobs.families and filter_space.expresses(candidate, self.knobs)
        return candidate is not None and "gnn" in self.knobs.families and gnn_space.expresses(candidate, self.knobs)


def space_of(search: Search, where: str = "params.yaml: search") -> SearchSpace:
    """The space that a parameter section describes."""
    return SearchSpace(knobs(search, where))
