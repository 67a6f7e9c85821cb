"""Section ``baseline``: what a user would take without Recsmith, tuned on valid."""

from __future__ import annotations

from pydantic import Field

from recsmith.config.base import Section


class ItemKnn(Section):
    """Cosine neighbours of items."""

    neighbours: tuple[int, ...] = (20, 100, 400)
    shrink: tuple[float, ...] = (0.0, 20.0, 50.0)


class Ease(Section):
    """Ridge regression of items on items (Steck 2019)."""

    l2: tuple[float, ...] = (50.0, 200.0, 800.0, 3200.0)


class Als(Section):
    """implicit's alternating least squares (Hu, Koren, Volinsky 2008)."""

    factors: tuple[int, ...] = (32, 64)
    regularization: tuple[float, ...] = (0.1, 10.0)
    alpha: tuple[float, ...] = (1.0, 10.0)
    iterations: int = Field(default=15, ge=1)


class LightGcn(Section):
    """Published hyper-parameters (He et al. 2020, section 4.1.2), early-stopped.

    Batch and learning rate are four times the published 2048 and 0.001: the same steps in a quarter of the time (the
    linear scaling rule of Goyal et al. 2017, section 2.1).
    """

    dimension: int = 64
    layers: tuple[int, ...] = (3,)
    learning_rate: float = 0.004
    weight_decay: float = 1e-4
    batch_size: int = 8192
    max_epochs: int = 200
    patience: int = 5
    evaluate_every: int = 5


class Baseline(Section):
    """The grid of each baseline; its best on valid stands in the report."""

    item_knn: ItemKnn = ItemKnn()
    ease: Ease = Ease()
    als: Als = Als()
    lightgcn: LightGcn = LightGcn()
