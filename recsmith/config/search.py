"""Section ``search``: which architectures are tried, by whom, for how long."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from recsmith.config.base import Section, one_of
from recsmith.model.names import ACTIVATIONS, COMBINATIONS, FILTERS, LOSSES, OPERATORS, check_metric

Layers = Annotated[int, Field(ge=1, le=8)]
Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Exponent = Annotated[float, Field(ge=-1, le=1)]


class Space(Section):
    """Overrides of a preset: each knob's allowed values; empty keeps the preset's."""

    families: tuple[Literal["gnn", "filter"], ...] = ()
    operators: tuple[Annotated[str, one_of(OPERATORS)], ...] = ()
    mixed_operators: bool | None = None
    """true: every layer chooses its own operator; false: all layers share one."""
    layers: tuple[Layers, ...] = ()
    dimension: tuple[Positive, ...] = ()
    activation: tuple[Annotated[str, one_of(ACTIVATIONS)], ...] = ()
    """Chosen only where an operator other than none and lightgcn takes part."""
    combination: tuple[Annotated[str, one_of(COMBINATIONS)], ...] = ()
    dropout: tuple[Share, ...] = ()
    loss: tuple[Annotated[str, one_of(LOSSES)], ...] = ()
    temperature: tuple[Rate, ...] = ()
    """Chosen only with sampled_softmax."""
    negatives: tuple[Positive, ...] = ()
    """Sampled items for each interaction; chosen only with sampled_softmax."""
    learning_rate: tuple[Rate, ...] = ()
    weight_decay: tuple[Decay, ...] = ()
    filters: tuple[Annotated[str, one_of(FILTERS)], ...] = ()
    left_exponent: tuple[Exponent, ...] = ()
    right_exponent: tuple[Exponent, ...] = ()
    neighbours: tuple[Positive, ...] = ()
    shrink: tuple[Decay, ...] = ()
    l2: tuple[Rate, ...] = ()


class Search(Section):
    """Preset, tuner, budget and the metric that crowns."""

    preset: Literal["small", "gnn", "filters", "tiny"] = "small"
    """small: both families, for a laptop; gnn: no filters; filters: nothing is trained; tiny: seconds, for trying."""
    tuner: Literal["Random", "TPE", "Evolution"] = "TPE"
    trials: int = Field(default=12, ge=1)
    concurrency: int = Field(default=1, ge=1)
    """Trials at a time; results repeat exactly only with 1."""
    metric: str = "ndcg@20"
    """Maximised on valid; any of precision, recall, f1, hit_rate, mrr, map, ndcg at any cut-off."""
    space: Space = Space()
    max_epochs: int = Field(default=30, ge=1)
    patience: int = Field(default=3, ge=1)
    evaluate_every: int = Field(default=2, ge=1)
    batch_size: int = Field(default=8192, ge=1)
    trial_seconds: int = Field(default=900, ge=1)
    """A trial that takes longer is ended and counted as failed."""
    port: int = Field(default=8080, ge=1024, le=65535)
    """Of NNI's service and web page; where it is busy, the next free one of twenty."""

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, value: str) -> str:
        return check_metric(value)
