"""Softmax over the items of the batch (Hidasi et al. 2016; with its correction Yi et al. 2019)."""

from __future__ import annotations

import torch

from recsmith.losses.sampled_softmax import sampled_softmax


def in_batch_softmax(positive: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """``mean_b -ln( e^p_b / (e^p_b + e^o_b) )`` with ``e^o_b`` the sum over the batch's items that the user has not.

    Shapes: positive (B,), others (B, 1), ``-inf`` where there are none -> ().
    """
    return sampled_softmax(positive, others)
