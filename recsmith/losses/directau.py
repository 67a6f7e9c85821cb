"""Alignment of pairs and uniformity of users and of items on the sphere (Wang et al. 2022, equations 3 and 4)."""

from __future__ import annotations

import torch

from recsmith.losses.log_sum_exp import log_sum_exp


def directau(users: torch.Tensor, items: torch.Tensor, negative_weight: float) -> torch.Tensor:
    """``mean_b |u_b - i_b|^2 + negative_weight (uniformity of users + uniformity of items) / 2``, of unit vectors.

    Shapes: users, items (B, W) -> ().
    """
    alignment = (users - items).square().sum(1).mean()
    return alignment + negative_weight * (uniformity(users) + uniformity(items)) / 2


def uniformity(vectors: torch.Tensor) -> torch.Tensor:
    """``ln mean_{a != b} e^(-2 |x_a - x_b|^2)`` of unit vectors: 0 where all are one, or there is only one.

    Shapes: vectors (B, W) -> ().
    """
    if len(vectors) < 2:
        return vectors.sum() * 0
    # |x - y|^2 = 2 - 2 x y on the sphere; a vector does not meet itself.
    here = torch.arange(len(vectors), device=vectors.device)
    each = log_sum_exp(4 * vectors, vectors, masked=(here, here)) - 4
    return torch.logsumexp(each, 0) - torch.log(each.new_tensor(len(vectors) * (len(vectors) - 1)))
