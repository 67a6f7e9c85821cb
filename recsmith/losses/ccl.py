"""Cosine contrastive loss (SimpleX, Mao et al. 2021, equation 1)."""

from __future__ import annotations

import torch
from torch.nn.functional import relu


def ccl(positive: torch.Tensor, negative: torch.Tensor, margin: float, negative_weight: float) -> torch.Tensor:
    """``mean_b (1 - p_b) + negative_weight mean_n max(0, n_bn - margin)`` of cosines; ``-inf`` does not count.

    Shapes: positive (B,), negative (B, n) -> ().
    """
    drawn = torch.isfinite(negative)
    excess = relu(negative - margin).sum(1) / drawn.sum(1).clamp(min=1)
    return (1 - positive + negative_weight * excess).mean()
