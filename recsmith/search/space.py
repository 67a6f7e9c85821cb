"""The typed space of architectures: NNI search-space JSON, sampler, validator, and the way back to an architecture.

One declaration (``recsmith.config.search.Space``, a preset with overrides) gives a tree of choices in NNI's format:
``{knob: {"_type": "choice", "_value": [...]}}``, where a value may be a branch ``{"_name": ..., knob: ...}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import numpy as np

from recsmith.config.search import Search, Space
from recsmith.errors import UserError, unknown
from recsmith.model.architecture import Filter, Gnn, architecture
from recsmith.search.presets import knobs

NUMBER = "number"
"""Key of a proposal's place in the order; a tuner adds it, it is no knob."""
LINEAR = ("none", "lightgcn")
"""Operators that are defined without an activation."""
Tree = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class SearchSpace:
    """All candidates that may be proposed."""

    knobs: Space

    @cached_property
    def tree(self) -> Tree:
        """NNI's search space."""
        branches = {"gnn": _gnn, "filter": _filter}
        return {"family": _choice([{"_name": name, **branches[name](self.knobs)} for name in self.knobs.families])}

    @property
    def size(self) -> int:
        """The number of different proposals."""
        return _size(self.tree)

    def sample(self, generator: np.random.Generator) -> dict[str, Any]:
        """Draw a proposal; each choice uniformly."""
        return sample(self.tree, generator)

    def validate(self, parameters: Any) -> dict[str, Any]:
        """``parameters`` where they are a proposal of this space; UserError names what is not."""
        if not isinstance(parameters, dict):
            raise UserError(f"proposal = {parameters!r} is not a set of knobs.")
        _validate({name: value for name, value in parameters.items() if name != NUMBER}, self.tree, "proposal")
        return parameters

    def architecture(self, parameters: Any) -> Gnn | Filter:
        """The architecture that a proposal stands for; UserError where it is none of this space."""
        values = _flat(self.validate(parameters))
        values.pop(NUMBER, None)
        return _to_filter(values) if values["family"] == "filter" else _to_gnn(values)

    def expresses(self, candidate: Gnn | Filter | None) -> bool:
        """Whether a candidate of other origin may be crowned: its family, form and size are among the choices.

        Knobs of training and strength (learning rate, l2, ...) may take values between the choices.
        """
        if isinstance(candidate, Filter):
            return "filter" in self.knobs.families and candidate.kind in self.knobs.filters
        if candidate is None or "gnn" not in self.knobs.families:
            return False
        operators = set(candidate.operators) or {"none"}
        depth = len(candidate.operators)
        return (
            operators <= set(self.knobs.operators)
            and (bool(self.knobs.mixed_operators) or len(operators) == 1)
            and (operators == {"none"} or depth in self.knobs.layers)
            and candidate.dimension <= max(self.knobs.dimension)
        )


def space_of(search: Search, where: str = "params.yaml: search") -> SearchSpace:
    """The space that a parameter section describes."""
    return SearchSpace(knobs(search, where))


def _choice(values: Sequence[Any]) -> dict[str, Any]:
    return {"_type": "choice", "_value": list(values)}


def _gnn(space: Space) -> Tree:
    losses = {
        "bpr": {},
        "sampled_softmax": {"temperature": _choice(space.temperature), "negatives": _choice(space.negatives)},
    }
    return {
        **(_mixed(space) if space.mixed_operators else _uniform(space)),
        "dimension": _choice(space.dimension),
        "loss": _choice([{"_name": name, **losses[name]} for name in space.loss]),
        "learning_rate": _choice(space.learning_rate),
        "weight_decay": _choice(space.weight_decay),
    }


def _uniform(space: Space) -> Tree:
    """One operator for all layers; what it does not read is not chosen, so that few proposals mean the same."""
    return {"operator": _choice([{"_name": name, **_of_operator(name, space)} for name in space.operators])}


def _of_operator(name: str, space: Space) -> Tree:
    if name == "none":
        return {}
    shared = {
        "layers": _choice(space.layers),
        "combination": _choice(space.combination),
        "dropout": _choice(space.dropout),
    }
    return shared if name in LINEAR else {**shared, "activation": _choice(space.activation)}


def _mixed(space: Space) -> Tree:
    """An operator for each layer."""
    chains = [
        {"_name": str(depth), **{f"operator_{layer}": _choice(space.operators) for layer in range(1, depth + 1)}}
        for depth in space.layers
    ]
    return {
        "layers": _choice(chains),
        "combination": _choice(space.combination),
        "dropout": _choice(space.dropout),
        "activation": _choice(space.activation),
    }


def _filter(space: Space) -> Tree:
    kinds: dict[str, Tree] = {
        "linear": {
            "left_exponent": _choice(space.left_exponent),
            "right_exponent": _choice(space.right_exponent),
        },
        "neighbours": {"neighbours": _choice(space.neighbours), "shrink": _choice(space.shrink)},
        "ridge": {"l2": _choice(space.l2)},
    }
    return {"kind": _choice([{"_name": name, **kinds[name]} for name in space.filters])}


def _branch(value: Any) -> Tree:
    """The knobs below a value of a choice."""
    return {name: below for name, below in value.items() if name != "_name"} if isinstance(value, dict) else {}


def _size(tree: Tree) -> int:
    return prod(sum(_size(_branch(value)) for value in knob["_value"]) for knob in tree.values())


def sample(tree: Tree, generator: np.random.Generator) -> dict[str, Any]:
    """Draw a proposal of a tree; each choice uniformly."""
    drawn: dict[str, Any] = {}
    for name, knob in tree.items():
        value = knob["_value"][int(generator.integers(len(knob["_value"])))]
        is_branch = isinstance(value, dict)
        drawn[name] = {"_name": value["_name"], **sample(_branch(value), generator)} if is_branch else value
    return drawn


def proposals(tree: Tree) -> Iterator[dict[str, Any]]:
    """Every proposal of a tree, in a fixed order."""
    per_knob = [[(name, value) for value in _values(knob)] for name, knob in tree.items()]
    return (dict(pairs) for pairs in product(*per_knob))


def _values(knob: dict[str, Any]) -> Iterator[Any]:
    """Every value of a choice, branches with all that lies below them."""
    for value in knob["_value"]:
        if isinstance(value, dict):
            yield from ({"_name": value["_name"], **below} for below in proposals(_branch(value)))
        else:
            yield value


def _validate(parameters: dict[str, Any], tree: Tree, where: str) -> None:
    for name in parameters:
        if name not in tree:
            raise UserError(f"{where}.{name} is unknown. Known: {', '.join(sorted(tree)) or 'nothing'}.")
    for name, knob in tree.items():
        place = f"{where}.{name}"
        if name not in parameters:
            raise UserError(f"{place} is missing.")
        _validate_value(parameters[name], knob["_value"], place)


def _validate_value(given: Any, allowed: list[Any], place: str) -> None:
    if not isinstance(allowed[0], dict):
        if given not in allowed:
            raise unknown(place, given, map(str, allowed))
        return
    branches = {value["_name"]: value for value in allowed}
    name = given.get("_name") if isinstance(given, dict) else given
    if not isinstance(given, dict) or name not in branches:
        raise unknown(place, name, branches)
    _validate(_branch(given), _branch(branches[name]), f"{place}.{name}")


def _flat(parameters: dict[str, Any]) -> dict[str, Any]:
    """Nested choices as one level: ``{"loss": {"_name": "bpr"}}`` -> ``{"loss": "bpr"}``."""
    flat: dict[str, Any] = {}
    for name, value in parameters.items():
        flat[name] = value["_name"] if isinstance(value, dict) else value
        flat.update(_flat(_branch(value)))
    return flat


def _to_filter(values: dict[str, Any]) -> Gnn | Filter:
    return architecture(values, "proposal")


def _to_gnn(values: dict[str, Any]) -> Gnn | Filter:
    depth = int(values.pop("layers", 0))
    shared = values.pop("operator", None)
    operators = [values.pop(f"operator_{layer}", shared) for layer in range(1, depth + 1)]
    if set(operators) <= set(LINEAR):
        values["activation"] = "identity"
    return architecture({**values, "operators": operators}, "proposal")
