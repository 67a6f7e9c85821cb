"""Bayesian personalised ranking (Rendle et al. 2009)."""

from __future__ import annotations

import torch
from torch.nn.functional import softplus


def bpr(positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
    """``mean_b mean_n -ln sigmoid(p_b - n_bn)``; a negative of ``-inf`` does not count.

    Shapes: positive (B,), negative (B, n) -> ().
    """
    drawn = torch.isfinite(negative)
    terms = softplus(torch.where(drawn, negative - positive[:, None], -torch.inf))
    return (terms.sum(1) / drawn.sum(1).clamp(min=1)).mean()
