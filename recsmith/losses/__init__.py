"""Ranking losses by name, one file each: of the scores of positives and of their negatives."""

from __future__ import annotations

from collections.abc import Callable

import torch

from recsmith.errors import unknown
from recsmith.losses.bpr import bpr
from recsmith.losses.sampled_softmax import sampled_softmax

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(B,) scores of positives, (B, n) scores of negatives -> () loss."""

LOSSES: dict[str, Loss] = {"bpr": bpr, "sampled_softmax": sampled_softmax}


def loss(name: str) -> Loss:
    """The loss called ``name``; UserError lists the names where it is unknown."""
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    return LOSSES[name]
