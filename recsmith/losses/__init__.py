"""Ranking losses by name, one file each."""

from __future__ import annotations

from recsmith.errors import unknown
from recsmith.losses.bce import bce
from recsmith.losses.bpr import bpr
from recsmith.losses.ccl import ccl
from recsmith.losses.contract import Loss
from recsmith.losses.directau import directau
from recsmith.losses.in_batch_softmax import in_batch_softmax
from recsmith.losses.sampled_softmax import sampled_softmax

__all__ = ["LOSSES", "Loss", "loss"]

LOSSES: dict[str, Loss] = {
    "bpr": Loss(bpr),
    "sampled_softmax": Loss(sampled_softmax, softmax=True),
    "in_batch_softmax": Loss(in_batch_softmax, reads="batch", softmax=True),
    "bce": Loss(bce),
    "ccl": Loss(ccl, knobs=("margin", "negative_weight"), cosine=True),
    "directau": Loss(directau, reads="vectors", knobs=("negative_weight",), cosine=True),
}


def loss(name: str) -> Loss:
    """The loss called ``name``; UserError lists the names where it is unknown."""
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    return LOSSES[name]
