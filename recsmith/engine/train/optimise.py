"""From gradients to new weights: optimiser, schedule of the learning rate, clipping."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from recsmith.model.gnn import Gnn

Parameters = Iterable[nn.Parameter]


def _adam(parameters: Parameters, knobs: Gnn) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=knobs.learning_rate, fused=True)


def _adamw(parameters: Parameters, knobs: Gnn) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=knobs.learning_rate, weight_decay=knobs.weight_decay, fused=True)


def _adagrad(parameters: Parameters, knobs: Gnn) -> torch.optim.Optimizer:
    return torch.optim.Adagrad(parameters, lr=knobs.learning_rate)


def _rmsprop(parameters: Parameters, knobs: Gnn) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(parameters, lr=knobs.learning_rate)


OPTIMIZERS: dict[str, Callable[[Parameters, Gnn], torch.optim.Optimizer]] = {
    "adam": _adam,
    "adamw": _adamw,
    "adagrad": _adagrad,
    "rmsprop": _rmsprop,
}
"""Adam and AdamW are fused; the others take torch's choice of kernels for the device."""

SHAPES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: (1.0 + math.cos(math.pi * done)) / 2,
}
"""Share of the learning rate that is left, by the share of the steps after warm-up that is done."""


def rate(architecture: Gnn, step: int, total: int) -> float:
    """The learning rate of step ``step`` (from 0) of ``total``; steps beyond these take that of the last.

    It grows evenly from 0 in the first ``warmup * total`` steps, then follows the schedule and is above 0 to the last.
    """
    warm = round(architecture.warmup * total)
    if step < warm:
        return architecture.learning_rate * (step + 1) / (warm + 1)
    done = min(step, total - 1) - warm
    return architecture.learning_rate * SHAPES[architecture.schedule](max(done, 0) / max(total - warm, 1))


class Optimiser:
    """The optimiser of an architecture with its schedule; counts its steps."""

    def __init__(self, architecture: Gnn, module: nn.Module, total: int) -> None:
        self.architecture, self.total, self.steps = architecture, total, 0
        self.parameters = list(module.parameters())
        self.torch = OPTIMIZERS[architecture.optimizer](self.parameters, architecture)

    @property
    def rate(self) -> float:
        """The learning rate of the step that comes."""
        return rate(self.architecture, self.steps, self.total)

    def clear(self) -> None:
        """Forget the gradients."""
        self.torch.zero_grad(set_to_none=True)

    def step(self) -> None:
        """One step along the gradients, which are shortened to the norm ``clip`` where they are longer."""
        if self.architecture.clip:
            nn.utils.clip_grad_norm_(self.parameters, self.architecture.clip)
        for group in self.torch.param_groups:
            group["lr"] = self.rate
        self.torch.step()
        self.steps += 1

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs to go on from here."""
        return {"steps": self.steps, "torch": self.torch.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where :meth:`state` was called."""
        self.steps = state["steps"]
        self.torch.load_state_dict(state["torch"])


def decay(architecture: Gnn) -> float:
    """Weight of the L2 term in the loss: AdamW takes its decay apart from the gradient (Loshchilov and Hutter 2019)."""
    return 0.0 if architecture.optimizer == "adamw" else architecture.weight_decay
