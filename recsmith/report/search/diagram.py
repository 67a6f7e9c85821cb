"""An architecture as boxes and arrows: what is read, what is done to it in which order, what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from recsmith.model import cell
from recsmith.model.architecture import Architecture, Blend, Filter, Gnn, describe
from recsmith.model.names import EDGE_READERS, HEADED, LINEAR_OPERATORS
from recsmith.report import labels

Kind = Literal["input", "step", "join", "output"]
NORMALISED = {"lightgcn", "gcn", "ngcf"}
COMBINATIONS = {"last": "last layer", "learned": "learned weights", "gru": "GRU over layers"}


@dataclass(frozen=True)
class Box:
    """A box with its lines of text, the first of which is its name."""

    lines: tuple[str, ...]
    kind: Kind = "step"


@dataclass(frozen=True)
class Part:
    """Boxes from left to right, and arrows between them by their numbers; what a part gives is its last box."""

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[int, int], ...]
    weight: str = ""
    """Its factor where several parts are added up."""


def parts(candidate: Architecture) -> list[Part]:
    """One part, or those whose scores are added up."""
    if isinstance(candidate, Blend):
        weighted = zip(candidate.parts, candidate.weights, strict=True)
        return [part(one, f"× {weight:g}") for one, weight in weighted]
    if isinstance(candidate, Filter) and candidate.kind == "mixture":
        weighted = zip(candidate.parts, candidate.weights, strict=True)
        start = _history(candidate)
        return [_chain([start, *_filtering(one)], f"× {weight:g}") for one, weight in weighted]
    return [part(candidate)]


def part(candidate: Gnn | Filter, weight: str = "") -> Part:
    """A network, or a filter; a mixture in one box, for it may stand in a blend."""
    if isinstance(candidate, Gnn):
        return _network(candidate, weight)
    return _chain([_history(candidate), *_filtering(candidate)], weight)


def _chain(boxes: Sequence[Box], weight: str) -> Part:
    return Part(tuple(boxes), tuple((number, number + 1) for number in range(len(boxes) - 1)), weight)


def _network(gnn: Gnn, weight: str) -> Part:
    """Numbers as in ``recsmith.model.cell``; after the combination the head."""
    start = Box(
        ("embeddings", "of users and items", f"d = {gnn.dimension}", *_unless(gnn.start == "random", gnn.start)),
        "input",
    )
    head = Box(("dot product" if gnn.head == "dot" else "cosine", "user · item"))
    if not gnn.operators:
        return _chain([start, head], weight)
    combination = Box((COMBINATIONS.get(gnn.combination, gnn.combination), "of what comes in"), "join")
    if gnn.combination == "last":
        combination = Box(("last layer",), "join")
    layers = [_layer(name, gnn) for name in gnn.operators]
    last = len(layers) + 1
    return Part((start, *layers, combination, head), (*cell.edges(gnn), (last, last + 1)), weight)


def _layer(operator: str, gnn: Gnn) -> Box:
    heads = _unless(operator not in HEADED or gnn.heads == 1, f"{gnn.heads} heads")
    unread = operator not in EDGE_READERS or not gnn.edge_dimension
    edges = _unless(unread, f"edges, d = {gnn.edge_dimension}")
    usual = operator not in NORMALISED or gnn.target_exponent == gnn.source_exponent == 0.5
    degrees = _unless(usual, f"degrees −{gnn.target_exponent:g}, −{gnn.source_exponent:g}")
    activation = _unless(operator in LINEAR_OPERATORS or gnn.activation == "identity", gnn.activation)
    residual = _unless(not gnn.residual or operator == "none", "+ its input")
    name = labels.OPERATORS.get(operator, operator)
    return Box((name, *heads, *edges, *degrees, *activation, *residual))


def _unless(absent: bool, text: str) -> tuple[str, ...]:
    return () if absent else (text,)


def _history(candidate: Filter) -> Box:
    fading = _unless(not candidate.recency, f"fading: (1 + n)^−{candidate.recency:g}")
    return Box(("history", "of a user", *fading), "input")


def _filtering(one: Filter) -> list[Box]:
    """``D^-a . D^b`` around the kinds that read the exponents."""
    core = {
        "linear": ("item-item graph", "G = RᵀR, normalised"),
        "low_pass": ("ideal low-pass", "V Vᵀ", f"rank {one.rank}"),
        "polynomial": ("polynomial of G", f"order {one.order}", f"flatness {one.flatness:g}"),
        "neighbours": ("item-kNN", "cosine", f"{one.neighbours} nearest", f"shrink {one.shrink:g}"),
        "ridge": ("ridge (EASE)", f"λ = {one.l2:g}"),
        "mixture": ("mixture", *describe(one).removeprefix("filter mixture ").split(" + ")),
    }[one.kind]
    if one.kind not in ("linear", "low_pass", "polynomial"):
        return [Box(core)]
    left, right = (f"{name} = {value:g}" for name, value in (("a", one.left_exponent), ("b", one.right_exponent)))
    return [Box(("D⁻ᵃ", left, "of what was seen")), Box(core), Box(("Dᵇ", right, "of what is scored"))]
