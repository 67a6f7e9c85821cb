"""Trees of choices in NNI's format: their size, drawing from them, and whether a proposal is one of theirs.

A tree is ``{knob: {"_type": "choice", "_value": [...]}}``, where a value may be a branch ``{"_name": ..., knob: ...}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from recsmith.errors import UserError, unknown

NUMBER = "number"
"""Key of a proposal's place in the order; a tuner adds it, it is no knob."""
FIDELITY = "fidelity"
"""Key of the share of the budget that a proposal is to be given, above 0; whole (1) where it is not named. No knob."""
PARENT = "parent"
"""Key of the record of the trial whose weights a proposal begins from; a tuner adds it where there is one. No knob."""
Tree = dict[str, dict[str, Any]]


def choice(values: Sequence[Any]) -> dict[str, Any]:
    """A knob that takes one of ``values``."""
    return {"_type": "choice", "_value": list(values)}


def branch(value: Any) -> Tree:
    """The knobs below a value of a choice."""
    return {name: below for name, below in value.items() if name != "_name"} if isinstance(value, dict) else {}


def below(knob: dict[str, Any], value: Any) -> Tree:
    """The knobs below what a proposal chose of a knob."""
    if not isinstance(value, dict):
        return {}
    return next(branch(one) for one in knob["_value"] if one["_name"] == value["_name"])


def size(tree: Tree) -> int:
    """The number of different proposals of a tree."""
    return prod(sum(size(branch(value)) for value in knob["_value"]) for knob in tree.values())


def sample(tree: Tree, generator: np.random.Generator) -> dict[str, Any]:
    """Draw a proposal of a tree; each choice uniformly."""
    drawn: dict[str, Any] = {}
    for name, knob in tree.items():
        value = knob["_value"][int(generator.integers(len(knob["_value"])))]
        is_branch = isinstance(value, dict)
        drawn[name] = {"_name": value["_name"], **sample(branch(value), generator)} if is_branch else value
    return drawn


def proposals(tree: Tree) -> Iterator[dict[str, Any]]:
    """Every proposal of a tree, in a fixed order."""
    per_knob = [[(name, value) for value in _values(knob)] for name, knob in tree.items()]
    return (dict(pairs) for pairs in product(*per_knob))


def _values(knob: dict[str, Any]) -> Iterator[Any]:
    """Every value of a choice, branches with all that lies below them."""
    for value in knob["_value"]:
        if isinstance(value, dict):
            yield from ({"_name": value["_name"], **below} for below in proposals(branch(value)))
        else:
            yield value


def validate(parameters: Any, tree: Tree) -> dict[str, Any]:
    """``parameters`` where they are a proposal of ``tree``; UserError names what is not."""
    if not isinstance(parameters, dict):
        raise UserError(f"proposal = {parameters!r} is not a set of knobs.")
    _validate(knobs_of(parameters), tree, "proposal")
    return parameters


def knobs_of(parameters: dict[str, Any]) -> dict[str, Any]:
    """A proposal without what tuners write beside its knobs."""
    return {name: value for name, value in parameters.items() if name not in (NUMBER, FIDELITY, PARENT)}


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
    _validate(branch(given), branch(branches[name]), f"{place}.{name}")


def flat(parameters: dict[str, Any]) -> dict[str, Any]:
    """Nested choices as one level: ``{"loss": {"_name": "bpr"}}`` -> ``{"loss": "bpr"}``."""
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        found[name] = value["_name"] if isinstance(value, dict) else value
        found.update(flat(branch(value)))
    return found
