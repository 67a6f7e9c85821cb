"""Section ``baseline``: what a user would take without Recsmith, tuned on valid."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recsmith.config.base import Section

Positive = Annotated[int, Field(ge=1)]
Penalty = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ItemKnn(Section):
    """Cosine neighbours of items."""

    neighbours: tuple[Positive, ...] = (20, 100, 400)
    shrink: tuple[Penalty, ...] = (0.0, 20.0, 50.0)


class Ease(Section):
    """Ridge regression of items on items (Steck 2019)."""

    l2: tuple[Rate, ...] = (50.0, 200.0, 800.0, 3200.0)


class Als(Section):
    """implicit's alternating least squares (Hu, Koren, Volinsky 2008)."""

    factors: tuple[Positive, ...] = (32, 64)
    regularization: tuple[Penalty, ...] = (0.1, 10.0)
    alpha: tuple[Rate, ...] = (1.0, 10.0)
    iterations: Positive = 15


class LightGcn(Section):
    """Published hyper-parameters (He et al. 2020, section 4.1.2), early-stopped.

    Batch and learning rate are four times the published 2048 and 0.001: the same steps in a quarter of the time (the
    linear scaling rule of Goyal et al. 2017, section 2.1).
    """

    dimension: Positive = 64
    layers: tuple[Annotated[int, Field(ge=1, le=8)], ...] = (3,)
    learning_rate: Rate = 0.004
    weight_decay: Penalty = 1e-4
    batch_size: Positive = 8192
    max_epochs: Positive = 200
    patience: Positive = 5
    evaluate_every: Positive = 5


class Baseline(Section):
    """The grid of each baseline; its best on valid stands in the report."""

    item_knn: ItemKnn = ItemKnn()
    ease: Ease = Ease()
    als: Als = Als()
    lightgcn: LightGcn = LightGcn()
