"""Which channels stay by the weights that make them, as rows of NNI's norm pruners."""

from __future__ import annotations

import numpy as np
import torch

from recsmith.compress.row_norms import kept_rows
from recsmith.compress.slim.axes import CHANNELS, axes, hidden
from recsmith.compress.slim.cut import Kept, Learnt
from recsmith.compress.slim.plan import HEADS, Plan


def by_norm(learnt: Learnt, plan: Plan, pruner: str) -> Kept:
    """What stays by the norm of all the weights that make a channel, head or hidden unit."""
    made = rows(learnt)
    channels = made.pop(CHANNELS)
    groups = plan.groups(made)
    parts = [channels.reshape(plan.heads, -1)] if plan.unit == HEADS else np.split(channels, plan.heads)
    matrices = {**dict(zip(groups, parts, strict=False)), **made}
    stays = {name: kept_rows(matrix, groups[name][1], pruner) for name, matrix in matrices.items()}
    return plan.kept(stays)


def rows(learnt: Learnt) -> dict[str, np.ndarray]:
    """For the channels, and for each block of hidden units, all that makes each: (D, m) float32.

    The weights of each name have a mean square of 1 in it, so that the many id embeddings do not drown the rest.
    """
    found: dict[str, list[np.ndarray]] = {}
    for name, value in learnt.items():
        for axis, letter in enumerate(axes(name)):
            if letter in "CGH":
                found.setdefault(hidden(name) if letter == "H" else CHANNELS, []).append(_made(value, axis, letter))
    return {group: np.concatenate(parts, axis=1) for group, parts in found.items()}


def _made(value: torch.Tensor, axis: int, letter: str) -> np.ndarray:
    """(D, m) what makes each unit."""
    units = value.movedim(axis, 0)
    if letter == "G":
        units = units.unflatten(0, (3, -1)).movedim(1, 0)
    flat = units.flatten(1) if units.dim() > 1 else units[:, None]
    size = flat.square().mean().sqrt()
    return (flat / size if size > 0 else flat).numpy()
