"""The choices of the filter family, and the way back from a proposal to a filter."""

from __future__ import annotations

from typing import Any

from recsmith.config.base import parse
from recsmith.config.search import Space
from recsmith.model.architecture import Filter
from recsmith.search.tree import Tree, choice

EXPONENTS = ("left_exponent", "right_exponent")
KNOBS: dict[str, tuple[str, ...]] = {
    "linear": EXPONENTS,
    "low_pass": (*EXPONENTS, "rank"),
    "polynomial": (*EXPONENTS, "order", "flatness"),
    "neighbours": ("neighbours", "shrink"),
    "ridge": ("l2",),
}
"""Kind of filter -> the knobs that it reads."""
ADDED = "low_pass"
"""What is added to the main part of a mixture: smooth where the other is sharp."""


def filter_tree(space: Space) -> Tree:
    """A branch for each kind, with what that kind reads."""
    kinds = choice([{"_name": kind, **_of_kind(kind, space)} for kind in space.filters])
    return {"kind": kinds, "recency": choice(space.recency)}


def _of_kind(kind: str, space: Space) -> Tree:
    if kind != "mixture":
        return _choices(KNOBS[kind], space)
    mains = [{"_name": main, **_choices(_own(main), space)} for main in space.mixtures]
    return {"main": choice(mains), **_choices(("low_pass_weight", *KNOBS[ADDED]), space)}


def _own(kind: str) -> tuple[str, ...]:
    """The knobs that a main part does not share with what is added to it."""
    return tuple(name for name in KNOBS[kind] if name not in KNOBS[ADDED])


def _choices(names: tuple[str, ...], space: Space) -> Tree:
    return {name: choice(getattr(space, name)) for name in names}


def to_filter(values: dict[str, Any]) -> Filter:
    """The filter that the flat values of a proposal stand for."""
    if values["kind"] != "mixture":
        return parse(values, Filter, "proposal")
    parts = [{"kind": kind, **{name: values[name] for name in KNOBS[kind]}} for kind in (values["main"], ADDED)]
    mixture = {"kind": "mixture", "parts": parts, "weights": [1.0, values["low_pass_weight"]]}
    return parse({"family": "filter", **mixture, "recency": values["recency"]}, Filter, "proposal")


def expresses(candidate: Filter, space: Space) -> bool:
    """Whether a filter's kind, and that of each of its parts, is among the choices."""
    if candidate.kind not in space.filters:
        return False
    kinds = [part.kind for part in candidate.parts]
    return candidate.kind != "mixture" or (len(kinds) == 2 and kinds[0] in space.mixtures and kinds[1] == ADDED)


def knobs_read(candidate: Filter) -> dict[str, Any]:
    """The values that decide what a filter does; of a mixture each part's, joined where they differ."""
    if candidate.kind != "mixture":
        return {name: getattr(candidate, name) for name in ("family", "kind", "recency", *KNOBS[candidate.kind])}
    names = dict.fromkeys(name for part in candidate.parts for name in KNOBS[part.kind])
    found = {name: [getattr(part, name) for part in candidate.parts if name in KNOBS[part.kind]] for name in names}
    joined = {name: _joined(dict.fromkeys(values)) for name, values in found.items()}
    kinds, weights = [part.kind for part in candidate.parts], candidate.weights
    mixed = {"parts": _joined(kinds), "weights": _joined(weights), "recency": candidate.recency}
    return {"family": "filter", "kind": "mixture", **joined, **mixed}


def _joined(values: Any) -> str:
    return "+".join(map(str, values))
