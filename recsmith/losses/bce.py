"""Binary cross-entropy of pairs that are there and pairs that were drawn (He et al. 2017, equation 7)."""

from __future__ import annotations

import torch
from torch.nn.functional import softplus


def bce(positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
    """``mean_b (-ln sigmoid(p_b) - sum_n ln sigmoid(-n_bn)) / (1 + n)``; a negative of ``-inf`` does not count.

    Shapes: positive (B,), negative (B, n) -> ().
    """
    drawn = torch.isfinite(negative)
    return ((softplus(-positive) + softplus(negative).sum(1)) / (1 + drawn.sum(1))).mean()
