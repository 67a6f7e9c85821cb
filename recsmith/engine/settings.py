"""How a candidate is fitted, and what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from recsmith.errors import UserError, unknown
from recsmith.model.architecture import Architecture
from recsmith.model.contract import Model
from recsmith.model.names import PRECISIONS

OnEpoch = Callable[[dict[str, Any]], None]
"""Is told the row of each epoch, with ``seconds`` and ``memory_mb``, when it ends."""
Say = Callable[[str], None]
"""Is told, in one line, what a person should know while a candidate is fitted."""


@dataclass(frozen=True)
class FitSettings:
    """How a candidate is fitted; equal settings, graph and threads give equal bytes on a CPU."""

    seed: int = 7
    device: str = "auto"
    threads: int = 2
    memory_mb: int = 2000
    max_epochs: int = 80
    patience: int = 6
    """Evaluations without a better valid metric before training stops."""
    evaluate_every: int = 2
    batch_size: int = 8192
    metric: str = "ndcg@20"
    epochs: int | None = None
    """Train exactly so many epochs and keep the last, instead of stopping early."""
    precision: str = "float32"
    """bfloat16: products in 16 bits where they gain by it; weights and the loss stay float32."""
    accumulate: int = 1
    """Parts into which a batch is cut, so that only one of them is in memory; the step is that of the whole batch."""
    fan_out: tuple[int, ...] = ()
    """Neighbours drawn for a node in each layer, from the last layer to the first; empty: train on the whole graph."""
    spectra: str | None = None
    """Folder of the decompositions that fits share; None: they are made anew."""
    checkpoints: str | None = None
    """Folder in which an interrupted fit finds where it was; None: it starts over."""
    checkpoint_seconds: float = 0.0
    """Least time between two checkpoints; 0: one an epoch."""

    def check(self) -> None:
        """UserError where a value makes no sense."""
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)
        if self.accumulate < 1:
            raise UserError(f"accumulate = {self.accumulate}: a batch has at least 1 part.")


@dataclass
class Fitted:
    """A fitted candidate."""

    model: Model
    architecture: Architecture
    epochs: int
    """The epoch that was kept; 0 for filters."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """A row an epoch: ``epoch``, ``loss``, and the metric where it was evaluated."""
    learnt: dict[str, torch.Tensor] | None = None
    """All that a network learnt, by parameter: what a later fit may start from; None for filters."""
    parts: tuple[Fitted, ...] = ()
    """Of a blend."""


def last_epoch(settings: FitSettings) -> int:
    """The last epoch that is evaluated within ``max_epochs``; later ones could not be chosen."""
    return max(1, settings.max_epochs // settings.evaluate_every * settings.evaluate_every)


def is_evaluated(epoch: int, settings: FitSettings) -> bool:
    """Whether the metric is measured after ``epoch``: after the first and every ``evaluate_every``-th."""
    return epoch == 1 or epoch % settings.evaluate_every == 0


def allowed_epochs(settings: FitSettings) -> int:
    """The epochs that a schedule spans: those that may be trained, however early training stops."""
    return max(last_epoch(settings), settings.epochs or 0)
