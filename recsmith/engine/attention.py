"""Attention over the edges of a graph without an array of edges times dimension, forwards or backwards."""

from __future__ import annotations

from typing import Any

import torch

from recsmith.engine.pattern import Pattern

SLOPE = 0.2
"""Of the leaky ReLU on the logits (Velickovic et al. 2018, section 3.3)."""


def attend(values: torch.Tensor, source: torch.Tensor, target: torch.Tensor, edges: Pattern) -> torch.Tensor:
    """``y_i = sum_j alpha_ij v_j`` with ``alpha_i = softmax_j LeakyReLU(source_j + target_i)`` over the row of ``i``.

    Every row of ``edges`` must have an entry (a loop at each node gives it one).

    Shapes: values (N, D), source, target (N,) -> (N, D).
    """
    return _Attend.apply(values, source, target, edges)  # pyright: ignore[reportReturnType]


class _Attend(torch.autograd.Function):
    """The softmax is kept for the backward pass, one number an edge."""

    @staticmethod
    def forward(
        ctx: Any, values: torch.Tensor, source: torch.Tensor, target: torch.Tensor, edges: Pattern
    ) -> torch.Tensor:
        logits = source[edges.columns] + target[edges.rows]
        leaky = _counted(torch.where(logits > 0, logits, SLOPE * logits), edges)
        powers = (leaky - edges.maxima(leaky)[edges.rows]).exp()
        weights = powers / edges.sums(powers)[edges.rows]
        out = edges.times(weights, values)
        ctx.edges = edges
        ctx.save_for_backward(values, weights, logits > 0, out)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None]:
        values, weights, above, out = ctx.saved_tensors
        edges, grad = ctx.edges, grads[0].contiguous()
        # sum_j alpha_ij (g_i . v_j) = g_i . y_i, so the softmax needs no sum over edges here.
        inner = edges.products(grad, values) - torch.linalg.vecdot(grad, out)[edges.rows]
        logits = weights * inner * torch.where(above, 1.0, SLOPE)
        return edges.back_times(weights, grad), edges.column_sums(logits), edges.sums(logits), None


def _counted(logits: torch.Tensor, edges: Pattern) -> torch.Tensor:
    """Logits of entries that count for as many as their scale says: none at all at 0."""
    return logits if edges.scale is None else logits + edges.scale.to(logits.dtype).log()
