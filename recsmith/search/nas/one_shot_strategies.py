"""The one-shot strategies of ``nni.nas``, seeded, and how each says which paths are good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from nni.nas.oneshot.pytorch.sampling import RandomSamplingLightningModule
from nni.nas.strategy import DARTS, ENAS, GumbelDARTS, RandomOneShot
from nni.nas.strategy._rl_impl import default_policy_fn

from recsmith.search.nas.paths import Path, Paths
from recsmith.search.nas.sharing import REWARD, Measurements, Parcel

MEASUREMENTS = 8
"""Paths that ENAS measures, and learns from, in an epoch."""
WARMUP = 0.25
"""Share of the epochs in which weights are trained before anything is learnt about paths."""
ALPHA_RATE = 0.01
"""Learning rate of DARTS's logits: they have hundreds of steps here where the paper's have thousands."""


class Liked(NamedTuple):
    """The paths that a trained strategy likes."""

    draw: Callable[[], Path]
    derived: int = 0
    """So many of the first are what the strategy derives, whatever they are measured at."""


class SeededSampling(RandomSamplingLightningModule):
    """Uniform paths from a generator of ours."""

    def __init__(self, module: Any, paths: Paths, seed: int) -> None:
        super().__init__(module)
        self.paths, self.generator = paths, np.random.default_rng(seed)

    def resample(self) -> Path:
        path = self.paths.draw(self.generator)
        for module in self.supernet_modules():
            module.resample(memo=path)
        return path


class SeededRandom(RandomOneShot):
    """Single paths, each equally likely (Guo et al. 2020)."""

    def __init__(self, paths: Paths, seed: int) -> None:
        super().__init__()
        self.paths, self.seed = paths, seed

    def configure_oneshot_module(self, training_module: Any) -> SeededSampling:
        return SeededSampling(training_module, self.paths, self.seed)

    def val_dataloader(self, train_dataloader_fn: Any, val_dataloader_fn: Any) -> None:
        """Nothing is measured while weights are trained."""


class KeyedEnas(ENAS):
    """A recurrent policy learns which paths are good while weights are trained (Pham et al. 2018)."""

    def train_dataloader(self, train_dataloader_fn: Any, val_dataloader_fn: Any) -> Any:
        return Keyed(train_dataloader_fn(), val_dataloader_fn())


class Keyed:
    """Batches, then measurements, each with the word that ENAS asks for."""

    def __init__(self, train: Any, valid: Any) -> None:
        self.train, self.valid = train, valid

    def __iter__(self) -> Iterator[tuple[Parcel, str]]:
        yield from ((parcel, "train") for parcel in self.train)
        yield from ((parcel, "val") for parcel in self.valid)


def one_shot_random(paths: Paths, seed: int, epochs: int) -> Any:
    """Uniform paths."""
    return SeededRandom(paths, seed)


def enas(paths: Paths, seed: int, epochs: int) -> Any:
    """The policy is that of strategy ``policy``, updated once an epoch."""
    make = partial(default_policy_fn, lr=1e-3, hidden_dim=32)
    return KeyedEnas(
        batches_per_update=MEASUREMENTS,
        reward_metric_name=REWARD,
        policy_fn=make,
        update_kwargs={"batch_size": 64, "repeat": 4, "update_times": 1},
        warmup_epochs=round(WARMUP * epochs),
    )


def darts(paths: Paths, seed: int, epochs: int) -> Any:
    """A softmax over all candidates of each choice (Liu et al. 2019, first order)."""
    return DARTS(arc_learning_rate=ALPHA_RATE, warmup_epochs=round(WARMUP * epochs))


def gumbel_darts(paths: Paths, seed: int, epochs: int) -> Any:
    """As DARTS, with noise that makes the softmax nearly choose (Xie et al. 2019)."""
    return GumbelDARTS(arc_learning_rate=ALPHA_RATE, warmup_epochs=round(WARMUP * epochs))


def looks(number: int = MEASUREMENTS) -> Measurements:
    """What stands for valid where a path is measured."""
    return Measurements(number)


def liked(strategy: Any, paths: Paths, seed: int) -> Liked:
    """Paths by ENAS's policy, by the softmax of DARTS, the best of each choice first, or uniformly."""
    generator = np.random.default_rng(seed)
    if isinstance(strategy, ENAS):
        return Liked(lambda: strategy.oneshot_module.resample())
    if isinstance(strategy, DARTS):
        return _by_logits(strategy, paths, generator)
    return Liked(lambda: paths.draw(generator))


def _by_logits(strategy: DARTS, paths: Paths, generator: np.random.Generator) -> Liked:
    best: list[Path] = [strategy.oneshot_module.export()]
    chances = {label: _sum_to_one(found) for label, found in strategy.oneshot_module.export_probs().items()}
    return Liked(lambda: best.pop() if best else paths.draw(generator, chances), derived=1)


def _sum_to_one(chances: dict[str, float]) -> np.ndarray:
    values = np.array(list(chances.values()), np.float64)
    return values / values.sum()
