"""Softmax over the positive and its sampled negatives (Jean et al. 2015; for recommendation Wu et al. 2022)."""

from __future__ import annotations

import torch


def sampled_softmax(positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
    """``mean_b -ln( e^p_b / (e^p_b + sum_n e^n_bn) )``; a negative of ``-inf`` does not count.

    Shapes: positive (B,), negative (B, n) -> ().
    """
    every = torch.cat([positive[:, None], negative], 1)
    return (torch.logsumexp(every, 1) - positive).mean()
