"""One type for every candidate: a graph neural network or an item filter (docs/design.md, "Architecture")."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from recsmith.config.base import Section, parse
from recsmith.files import digest
from recsmith.model.names import ACTIVATIONS, COMBINATIONS, LOSSES, OPERATORS


class Gnn(Section):
    """Id embeddings -> one operator a layer -> combination of the layers -> dot product, trained by a ranking loss."""

    family: Literal["gnn"] = "gnn"
    operators: tuple[str, ...] = ("lightgcn", "lightgcn", "lightgcn")
    """One a layer; empty or all ``none`` is matrix factorisation."""
    dimension: int = Field(default=64, ge=1)
    activation: str = "identity"
    combination: str = "mean"
    """Over the input and the output of every layer."""
    residual: bool = False
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of message entries that are dropped while training."""
    loss: str = "bpr"
    negatives: int = Field(default=1, ge=1)
    """Sampled items for each interaction (uniform)."""
    temperature: float = Field(default=1.0, gt=0)
    learning_rate: float = Field(default=0.001, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    """L2 on the id embeddings of the batch, as in He et al. 2020, equation 15."""
    head: Literal["dot", "cosine"] = "dot"

    @field_validator("operators")
    @classmethod
    def _operators(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            _known(name, OPERATORS)
        return value

    @field_validator("activation")
    @classmethod
    def _activation(cls, value: str) -> str:
        return _known(value, ACTIVATIONS)

    @field_validator("combination")
    @classmethod
    def _combination(cls, value: str) -> str:
        return _known(value, COMBINATIONS)

    @field_validator("loss")
    @classmethod
    def _loss(cls, value: str) -> str:
        return _known(value, LOSSES)


class Filter(Section):
    """A training-free filter of the normalised item-item graph: scores = history @ P, P (I, I).

    linear: ``P = D^-a R~^T R~ D^b`` with ``R~ = D_u^-1/2 R D_i^-1/2``; neighbours: cosine with shrinkage, the k
    nearest; ridge: EASE (Steck 2019, equation 8).
    """

    family: Literal["filter"] = "filter"
    kind: Literal["linear", "neighbours", "ridge"] = "linear"
    left_exponent: float = Field(default=0.35, ge=-1, le=1)
    right_exponent: float = Field(default=0.35, ge=-1, le=1)
    neighbours: int = Field(default=100, ge=1)
    shrink: float = Field(default=0.0, ge=0)
    l2: float = Field(default=500.0, gt=0)


Architecture = Annotated[Gnn | Filter, Field(discriminator="family")]


def _known(value: str, names: tuple[str, ...]) -> str:
    if value not in names:
        raise ValueError(f"unknown; known: {', '.join(names)}")
    return value


def architecture(value: object, where: str = "architecture") -> Gnn | Filter:
    """Read an architecture from plain values; UserError names what does not fit."""
    family = value.get("family", "gnn") if isinstance(value, dict) else None
    model: type[Gnn] | type[Filter] = Filter if family == "filter" else Gnn
    return parse(value, model, where)


def key(candidate: Gnn | Filter) -> str:
    """The candidate's canonical name: the hash of its values."""
    return digest(candidate.model_dump(mode="json"))


def describe(candidate: Gnn | Filter) -> str:
    """One line for tables and logs."""
    if isinstance(candidate, Filter):
        return _describe_filter(candidate)
    operators = "+".join(candidate.operators) or "none"
    return (
        f"gnn {operators} d={candidate.dimension} {candidate.activation} {candidate.combination} {candidate.loss} "
        f"lr={candidate.learning_rate:g} wd={candidate.weight_decay:g} drop={candidate.dropout:g}"
    )


def _describe_filter(candidate: Filter) -> str:
    knobs = {
        "linear": f"a={candidate.left_exponent:g} b={candidate.right_exponent:g}",
        "neighbours": f"k={candidate.neighbours} shrink={candidate.shrink:g}",
        "ridge": f"l2={candidate.l2:g}",
    }
    return f"filter {candidate.kind} {knobs[candidate.kind]}"
