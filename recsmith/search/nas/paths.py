"""What is chosen in a supernet, and the candidate that a path through it stands for.

Searched are the operator of each layer, what each layer reads, activation, residual, combination and depth; every other
knob takes the first of its values in the space. Concatenated layers are left out: their vectors are wider than others,
and weights cannot be shared between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from recsmith.config.search import Space
from recsmith.errors import UserError
from recsmith.model import cell
from recsmith.model.architecture import Gnn
from recsmith.search.gnn_space import READERS, WEIGHTED
from recsmith.search.published import nearest
from recsmith.search.space import SearchSpace
from recsmith.search.tree import Tree

Path = dict[str, str]
"""A choice for each label."""
OPERATOR, ACTIVATION, RESIDUAL, READOUT = "operator", "activation", "residual", "readout"
TOO_WIDE = "concat"


@dataclass(frozen=True)
class Paths:
    """All paths through the supernet of a space with networks."""

    space: Space

    @property
    def depth(self) -> int:
        """Layers of the supernet: those of the deepest candidate."""
        return max(self.space.layers)

    def operator(self, layer: int) -> str:
        """Label of the operator of a layer (from 1); one label for all where the space shares it."""
        return f"{OPERATOR}_{layer}" if self.space.mixed_operators else OPERATOR

    @staticmethod
    def inputs(layer: int) -> str:
        """Label of what a layer reads."""
        return f"inputs_{layer}"

    @cached_property
    def choices(self) -> dict[str, list[str]]:
        """Label -> what may be chosen."""
        found = {self.operator(layer): list(self.space.operators) for layer in range(1, self.depth + 1)}
        if "cell" in self.space.structure:
            found |= {self.inputs(layer): cell.choices(layer) for layer in range(2, self.depth + 1)}
        if set(self.space.operators) & set(WEIGHTED):
            found[ACTIVATION] = list(self.space.activation)
        found[RESIDUAL] = [str(value) for value in self.space.residual]
        found[READOUT] = [f"{name}_{depth}" for depth in self.space.layers for name in self._combinations()]
        return found

    @property
    def branches(self) -> int:
        """Choices that leave one."""
        return sum(len(values) > 1 for values in self.choices.values())

    @property
    def first(self) -> Path:
        """The first of each choice."""
        return {label: values[0] for label, values in self.choices.items()}

    def _combinations(self) -> list[str]:
        found = [name for name in self.space.combination if name != TOO_WIDE]
        if not found:
            raise UserError(
                "Weights cannot be shared between networks that concatenate their layers, and the space has no other "
                "combination. Name one more in params.yaml: search.space.combination, or take another search.strategy."
            )
        return found

    @cached_property
    def base(self) -> Gnn:
        """The knobs that are not searched: those of the first proposal, and what each operator would read."""
        update = {"mixed_operators": True, "structure": ("chain",), "families": ("gnn",)}
        space = SearchSpace(self.space.model_copy(update=update))
        first = space.architecture(nearest(space.tree, {}))
        read_by_some = {name: getattr(self.space, name)[0] for name in READERS if getattr(self.space, name)}
        plain = {"operators": (), "activation": "identity", "combination": "mean", "residual": False}
        return Gnn.model_validate(
            {
                **first.model_dump(),
                **read_by_some,
                **plain,
                "contrast": "none",
                "contrast_layer": 1,
                "propagate_every": 1,
            }
        )

    def network(self, path: Path) -> Gnn:
        """The network that a path stands for, layers that nobody reads included."""
        combination, depth = _readout(path)
        layers = range(1, depth + 1)
        inputs = tuple(cell.read(path.get(self.inputs(layer), str(layer - 1))) for layer in layers)
        return self.base.model_copy(
            update={
                "operators": tuple(path[self.operator(layer)] for layer in layers),
                "inputs": () if inputs == cell.chain(depth) else inputs,
                "combination": combination,
                "activation": path.get(ACTIVATION, "identity"),
                "residual": path[RESIDUAL] == "True",
            }
        )

    def proposal(self, path: Path, tree: Tree) -> dict[str, Any] | None:
        """The proposal of the space's tree that a path stands for; None where the tree cannot say it."""
        combination, depth = _readout(path)
        cells = [path.get(self.inputs(layer), str(layer - 1)) != str(layer - 1) for layer in range(1, depth + 1)]
        structure = "cell" if any(cells) or "chain" not in self.space.structure else "chain"
        wanted = {"family": "gnn", "layers": depth, "combination": combination, "structure": structure}
        return nearest(tree, {**path, **wanted, RESIDUAL: path[RESIDUAL] == "True"})

    def draw(self, generator: np.random.Generator, chances: Mapping[str, np.ndarray] | None = None) -> Path:
        """A path, each choice by its ``chances``, uniformly where there are none."""
        chances = chances or {}
        return {
            label: values[int(generator.choice(len(values), p=chances.get(label)))]
            for label, values in self.choices.items()
        }


def _readout(path: Path) -> tuple[str, int]:
    combination, _, depth = path[READOUT].rpartition("_")
    return combination, int(depth)
