"""Section ``search``: which architectures are tried, by whom, for how long."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from recsmith.config.base import Section
from recsmith.model.names import check_metric


class Space(Section):
    """Overrides of a preset: each knob's allowed values; empty keeps the preset's."""

    families: tuple[Literal["gnn", "filter"], ...] = ()
    operators: tuple[str, ...] = ()
    layers: tuple[int, ...] = ()
    dimension: tuple[int, ...] = ()
    activation: tuple[str, ...] = ()
    combination: tuple[str, ...] = ()
    dropout: tuple[float, ...] = ()
    loss: tuple[str, ...] = ()
    learning_rate: tuple[float, ...] = ()
    weight_decay: tuple[float, ...] = ()


class Search(Section):
    """Preset, tuner, budget and the metric that crowns."""

    preset: Literal["small", "gnn", "filters", "tiny"] = "small"
    tuner: Literal["Random", "TPE", "Evolution"] = "TPE"
    trials: int = Field(default=12, ge=1)
    concurrency: int = Field(default=1, ge=1)
    metric: str = "ndcg@20"
    """Maximised on valid; any of precision, recall, f1, hit_rate, mrr, map, ndcg at any cut-off."""
    space: Space = Space()
    max_epochs: int = Field(default=40, ge=1)
    patience: int = Field(default=4, ge=1)
    evaluate_every: int = Field(default=2, ge=1)
    batch_size: int = Field(default=8192, ge=1)
    trial_seconds: int = Field(default=900, ge=1)
    """A trial that takes longer is ended and counted as failed."""
    port: int = Field(default=8080, ge=1024, le=65535)

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, value: str) -> str:
        return check_metric(value)
