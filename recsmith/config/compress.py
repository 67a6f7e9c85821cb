"""Section ``compress``: how small, at what price."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recsmith.config.base import Section

Precision = Literal["float32", "float16", "int8", "int4", "int2", "int1", "product", "reranked"]
Quantiser = Literal["rows", "ptq", "qat"]
Pruner = Literal["L1", "L2", "FPGM", "Taylor", "Movement", "AGP", "SVD"]
Form = Literal["slim", "smaller", "distilled", "graph_free", "edges"]
Unit = Literal["channels", "heads", "layers"]
Share = Annotated[float, Field(gt=0, lt=1)]


class Export(Section):
    """Serving form of a filter: low rank plus sparse (``top_k`` entries a row on average).

    Its vectors alone, and all of its bytes in entries, are tried beside it.
    """

    rank: int = Field(default=128, ge=1)
    top_k: int = Field(default=64, ge=0)


class Prune(Section):
    """How pruners that learn (Taylor, Movement, AGP) do so, by the lists of the exact model."""

    steps: int = Field(default=100, ge=1)
    """Batches of 512 people that they see."""
    rounds: int = Field(default=5, ge=1)
    """AGP: how often some go, with training in between."""


class Tune(Section):
    """Fine-tuning after what was taken away and before it is stored."""

    epochs: int = Field(default=0, ge=0)
    """Times over the people; 0: no fine-tuning."""
    top: bool = False
    """Learn a map of the queries alone; the vectors of the graph stay frozen."""
    people: int = Field(default=0, ge=0)
    """How many people it learns from; 0: all."""
    learning_rate: float = Field(default=0.02, gt=0)
    """Of Adam, times the root mean square of the item vectors' numbers."""
    l2: float = Field(default=0.0, ge=0)
    """Weight of the squared distance from where it started."""
    adversarial: float = Field(default=0.0, ge=0)
    """Weight of the loss on vectors that were moved to hurt."""
    epsilon: float = Field(default=0.5, gt=0)
    """Length of that move."""


class RecipeSearch(Section):
    """How recipes are proposed; further values of knobs that the section gives one value each, empty: that one alone.

    Forms, precisions and sparsities are those of the section.
    """

    strategy: Literal["grid", "tpe", "evolution", "random"] = "grid"
    """NNI's tuner; grid measures all recipes, the others learn from the rule that will choose."""
    trials: int = Field(default=24, ge=1)
    """How many recipes are measured at most; a grid measures all."""
    pruner: tuple[Pruner, ...] = ()
    block: tuple[Annotated[int, Field(ge=0)], ...] = ()
    bytes_a_row: tuple[Annotated[int, Field(ge=1)], ...] = ()
    epochs: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Of fine-tuning."""


class Slim(Section):
    """Form ``slim``: a network that is pruned as a whole and trained on from there."""

    units: tuple[Unit, ...] = Field(default=("channels",), min_length=1)
    """What goes from all layers at once: channels, attention heads; layers: each in turn, one at a time."""
    sparsity: tuple[Share, ...] = Field(default=(0.5,), min_length=1)
    """Shares of the channels or heads."""
    pruner: Literal["L1", "L2", "FPGM", "Taylor", "Movement", "AGP"] = "L2"
    """Who chooses which: by weights, or (the last three, as ``prune`` says) by the lists of the exact model."""
    epochs: int = Field(default=5, ge=0)
    """Of training from what is left, by the network's own loss."""


class Student(Section):
    """Forms ``smaller``, ``distilled`` and ``graph_free``: another model, with shorter vectors, trained anew."""

    dimensions: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(32,), min_length=1)
    """Lengths of its vectors, below the winner's; graph_free: at most the winner's."""
    distil: tuple[Literal["rank", "layers"], ...] = Field(default=("rank",), min_length=1)
    """What ``distilled`` learns from the winner: its lists, or what each of its layers makes (by NNI)."""
    weight: float = Field(default=1.0, gt=0)
    """Of what the winner teaches, beside the student's own loss."""
    epochs: int = Field(default=0, ge=0)
    """0: stopped early by valid, as the winner is; the final model's for as many as the candidate's."""


class Index(Section):
    """What a query looks into: every item, or the lists of the nearest centroids alone."""

    kind: Literal["auto", "exact", "ivf"] = "auto"
    """auto: an index (ivf, inverted lists) from ``items`` on, where the recipe has vectors alone and it is faster."""
    items: int = Field(default=200_000, ge=1)
    """From about so many items on a scan takes more than 5 ms in one of a hundred queries (docs/serving.md)."""
    recall: float = Field(default=0.98, gt=0, le=1)
    """Share of the exact 20 best that an index must find; it looks into as many lists as that takes."""


class Rerank(Section):
    """What precision ``reranked`` is: a scan of one bit a number, and finer rows for the best of it."""

    items: int = Field(default=200, ge=1)
    """How many of the scan are scored again."""
    precision: Literal["int8", "int4"] = "int8"
    """Of the rows that they are scored by."""


class Target(Section):
    """What the chosen recipe must reach on the candidate; null: no limit."""

    bytes: int | None = Field(default=None, ge=1)
    """At most so many bytes of the model."""
    ratio: float | None = Field(default=None, gt=0)
    """At least so many times smaller than the fp32 export."""
    cost: int | None = Field(default=None, ge=1)
    """At most so many multiply-adds for an average query."""
    p99_ms: float | None = Field(default=None, gt=0)
    """At most so many milliseconds for 99 of 100 single queries, measured: the choice is then not reproducible."""
    min_quality: float | None = Field(default=None, ge=0, le=1)
    """At least so much of ``search.metric`` on valid."""


class Gate(Section):
    """What must hold, or the line fails."""

    retained: float = Field(default=0.95, ge=0, le=1)
    """Share of the exact model's valid metric that the bundle keeps."""
    ratio: float = Field(default=1.0, gt=0)
    """fp32 export bytes / bundle's model bytes."""


class Compress(Section):
    """The recipes that are tried and the rule that picks one."""

    export: Export = Export()
    forms: tuple[Form, ...] = ()
    """What is made by training beside the export's own forms; each takes part in every recipe."""
    slim: Slim = Slim()
    student: Student = Student()
    edges: tuple[Share, ...] = Field(default=(0.3,), min_length=1)
    """Form ``edges``: shares of the graph's edges that go before a network propagates, or a filter is fitted."""
    precision: tuple[Precision, ...] = Field(default=("int8", "int4"), min_length=1)
    sparsity: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = Field(default=(0.0, 0.5, 0.75), min_length=1)
    """Shares of sparse entries that are pruned; of vector columns where there are no such entries."""
    pruner: Pruner = "SVD"
    """What goes of the columns; SVD turns the vectors first, so that the directions that matter least go."""
    prune: Prune = Prune()
    block: int = Field(default=0, ge=0)
    """Columns that share a scale in 4, 2 and 1 bits; 0: the whole row."""
    bytes_a_row: int = Field(default=16, ge=1)
    """Codes of a row in product quantisation."""
    rerank: Rerank = Rerank()
    quantiser: Quantiser = "rows"
    """Who finds the scales of int8, int4 and int2: the rows; NNI, by calibration (ptq) or in training (qat)."""
    tune: Tune = Tune()
    refit: int = Field(default=1, ge=0, le=5)
    """Rounds in which stored people are fitted to the items as they are stored; 0: none."""
    search: RecipeSearch = RecipeSearch()
    index: Index = Index()
    min_retained: float = Field(default=0.99, ge=0, le=1)
    """The smallest recipe that keeps this share of the best is chosen; where none does, the best."""
    target: Target = Target()
    """Limits; with one of size or speed the best recipe within them is chosen, else the smallest."""
    gate: Gate = Gate()
