"""One type for every candidate: a graph neural network, an item filter, or a blend of these (docs/design.md)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recsmith.config.base import parse
from recsmith.files import digest
from recsmith.model.blend import Blend
from recsmith.model.cell import text
from recsmith.model.gnn import Gnn
from recsmith.model.item_filter import Filter

__all__ = ["Architecture", "Blend", "Filter", "Gnn", "architecture", "describe", "key"]

Architecture = Annotated[Gnn | Filter | Blend, Field(discriminator="family")]
FAMILIES: dict[str, type[Gnn] | type[Filter] | type[Blend]] = {"gnn": Gnn, "filter": Filter, "blend": Blend}


def architecture(value: object, where: str = "architecture") -> Architecture:
    """Read an architecture from plain values; UserError names what does not fit."""
    family = value.get("family", "gnn") if isinstance(value, dict) else None
    return parse(value, FAMILIES.get(str(family), Gnn), where)


def key(candidate: Architecture) -> str:
    """The candidate's canonical name: the hash of its values."""
    return digest(candidate.model_dump(mode="json"))


def recency(candidate: Architecture) -> float:
    """How fast histories fade when they are scored; networks read them as they are."""
    return 0.0 if isinstance(candidate, Gnn) else candidate.recency


def describe(candidate: Architecture) -> str:
    """One line for tables and logs."""
    if isinstance(candidate, Blend):
        parts = zip(candidate.parts, candidate.weights, strict=True)
        return "blend " + " + ".join(f"{weight:g} * ({describe(part)})" for part, weight in parts)
    if isinstance(candidate, Gnn):
        return _gnn(candidate)
    return f"filter {_filter(candidate)}" + (f" recency={candidate.recency:g}" if candidate.recency else "")


def _gnn(candidate: Gnn) -> str:
    """What every network has, then what differs from the default."""
    operators = "+".join(candidate.operators) or "none"
    shown = {"family", "operators", "inputs", "dimension", "activation", "combination", "loss"}
    shown |= {"learning_rate", "weight_decay"}
    extra = {
        name: getattr(candidate, name)
        for name, field in Gnn.model_fields.items()
        if name not in shown and getattr(candidate, name) != field.default
    }
    start = (
        f"gnn {operators} d={candidate.dimension} {candidate.activation} {candidate.combination} {candidate.loss} "
        f"lr={candidate.learning_rate:g} wd={candidate.weight_decay:g}"
    )
    cell = [f"inputs={text(candidate.inputs)}"] if candidate.inputs else []
    return " ".join([start, *cell, *(f"{name}={_short(value)}" for name, value in extra.items())])


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _filter(candidate: Filter) -> str:
    exponents = f"a={candidate.left_exponent:g} b={candidate.right_exponent:g}"
    knobs = {
        "linear": exponents,
        "low_pass": f"{exponents} rank={candidate.rank}",
        "polynomial": f"{exponents} order={candidate.order} flatness={candidate.flatness:g}",
        "neighbours": f"k={candidate.neighbours} shrink={candidate.shrink:g}",
        "ridge": f"l2={candidate.l2:g}",
        "mixture": " + ".join(
            f"{weight:g} * ({_filter(part)})" for part, weight in zip(candidate.parts, candidate.weights, strict=True)
        ),
    }
    return f"{candidate.kind} {knobs[candidate.kind]}"
