"""Which units of a model stay by what a loss says: each passes a gate, and NNI's pruners with training choose gates.

A gate is 1 and multiplies all that makes its unit, so that its gradient is the sum of weight times gradient over the
unit (Molchanov et al. 2019, equation 8, for a gate). At the start a student that learns from itself has no gradient at
all: gates are dropped at random while scores are taken, and a score says how much a unit is missed where others are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import nni
import numpy as np
import torch
from nni.compression import TorchEvaluator
from nni.compression.pruning import AGPPruner, MovementPruner, TaylorPruner
from torch import nn
from torch.nn import functional

from recsmith.compress.lessons import Lessons
from recsmith.compress.row_norms import ratio
from recsmith.config.compress import Prune

COOLING = 1 / 3
"""Share of Movement's steps in which its sparsity grows no more."""


class Gates(nn.Module):
    """A gate for each unit of each group; shapes: n ones a group."""

    def __init__(self, groups: Mapping[str, tuple[int, int]]) -> None:
        """``groups``: how many units there are, and how many go."""
        super().__init__()
        self.groups = dict(groups)
        # An embedding of one row: NNI knows it, and masks it entry by entry.
        ones = [torch.ones(1, n) for n, _ in groups.values()]
        self.tables = nn.ModuleList(nn.Embedding.from_pretrained(one, freeze=False) for one in ones)

    def forward(self) -> dict[str, torch.Tensor]:
        """Gates by group, some of them dropped while training. Shapes: -> (n,)."""
        row = torch.zeros(1, dtype=torch.int64)
        return {
            name: functional.dropout(table(row)[0], gone / n, self.training)
            for (name, (n, gone)), table in zip(self.groups.items(), self.tables, strict=True)
        }


@dataclass(frozen=True)
class Trained:
    """How a gated model learns while its gates are chosen."""

    lessons: Lessons
    learnt: list[nn.Parameter]
    """Beside the gates, where the pruner lets them learn."""
    learning_rate: float
    seed: int


def kept(module: nn.Module, gates: Gates, pruner: str, prune: Prune, given: Trained) -> dict[str, np.ndarray]:
    """Which units of ``gates``, a part of ``module``, stay; Movement and AGP also change what is learnt, in place.

    Shapes: -> (n,) bool a group.
    """
    prefix = next(name for name, part in module.named_modules() if part is gates)
    names = [f"{prefix}.tables.{place}" for place in range(len(gates.tables))]
    config = [_target(name, *counts) for name, counts in zip(names, gates.groups.values(), strict=True)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(given.seed)
        masks = PRUNERS[pruner](module.train(), gates, config, prune, given)
    return {group: masks[name]["weight"][0].numpy() > 0 for group, name in zip(gates.groups, names, strict=True)}


def _target(name: str, n: int, gone: int) -> dict[str, Any]:
    target = {"sparse_ratio": ratio(gone, n), "granularity": [1, 1]}
    return {"op_names": [name], "target_settings": {"weight": target}}


def _evaluator(given: Trained, learnt: list[nn.Parameter], rate: float) -> TorchEvaluator:
    def train(model: nn.Module, optimiser: Any, step: Any, schedulers: Any, steps: int | None, epochs: Any) -> None:
        for batch in islice(given.lessons.batches(), steps):
            optimiser.zero_grad()
            step(batch, model).backward()
            optimiser.step()

    return TorchEvaluator(train, nni.trace(torch.optim.Adam)(learnt, lr=rate), given.lessons.loss)


def _taylor(module: nn.Module, gates: Gates, config: list[dict], prune: Prune, given: Trained) -> dict:
    """Nothing moves while gradients are gathered."""
    pruner = TaylorPruner(module, config, _evaluator(given, list(gates.parameters()), 0.0), prune.steps)
    return _masks(pruner)


def _movement(module: nn.Module, gates: Gates, config: list[dict], prune: Prune, given: Trained) -> dict:
    evaluator = _evaluator(given, given.learnt, given.learning_rate)
    grown = max(1, round((1 - COOLING) * prune.steps))
    return _masks(MovementPruner(module, config, evaluator, 0, grown), prune.steps, None)


def _agp(module: nn.Module, gates: Gates, config: list[dict], prune: Prune, given: Trained) -> dict:
    """A Taylor pruner whose sparsity grows in rounds, with training in between."""
    evaluator = _evaluator(given, given.learnt, given.learning_rate)
    steps = max(1, prune.steps // prune.rounds)
    inner = TaylorPruner(module, config, evaluator, steps)
    return _masks(AGPPruner(inner, steps, prune.rounds), steps * prune.rounds, None)


def _masks(pruner: Any, *duration: int | None) -> dict:
    _, masks = pruner.compress(*duration)
    pruner.unwrap_model()
    return masks


PRUNERS = {"Taylor": _taylor, "Movement": _movement, "AGP": _agp}
