"""``ln sum_c e^(q_r k_c + b_c)`` for every query, in blocks: the table of all products is never held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

BLOCK = 2**22
"""Products at once: 16 MB, near the cache of a processor and enough work for a GPU."""

Entries = tuple[torch.Tensor, torch.Tensor]
"""Rows in ascending order and columns, (P,) int64 each."""


def log_sum_exp(
    queries: torch.Tensor, keys: torch.Tensor, bias: torch.Tensor | None = None, masked: Entries | None = None
) -> torch.Tensor:
    """The log of the summed exponentials of a query's products with all keys; ``-inf`` where all are masked.

    Differentiable in ``queries`` and ``keys``; the products are worked out again on the way back.

    Shapes: queries (R, W), keys (C, W), bias (C,) added to the products, masked pairs that do not count -> (R,).
    """
    bias = queries.new_zeros(len(keys)) if bias is None else bias
    return _LogSumExp.apply(queries, keys, bias, masked)  # pyright: ignore[reportReturnType]


class _LogSumExp(torch.autograd.Function):
    """With ``P`` the softmax of each row, ``dQ = diag(g) P K`` and ``dK = P^T diag(g) Q``."""

    @staticmethod
    def forward(
        ctx: Any, queries: torch.Tensor, keys: torch.Tensor, bias: torch.Tensor, masked: Entries | None
    ) -> torch.Tensor:
        out = queries.new_empty(len(queries))
        for rows, products in _blocks(queries, keys, bias, masked):
            torch.logsumexp(products, 1, out=out[rows])
        ctx.save_for_backward(queries, keys, bias, out)
        ctx.masked = masked
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None, None]:
        queries, keys, bias, out = ctx.saved_tensors
        finite = torch.where(torch.isfinite(out), out, 0)
        of_queries, of_keys = torch.zeros_like(queries), torch.zeros_like(keys)
        for rows, products in _blocks(queries, keys, bias, ctx.masked):
            weights = products.sub_(finite[rows, None]).exp_().mul_(grads[0][rows, None])
            torch.mm(weights, keys, out=of_queries[rows])
            of_keys.addmm_(weights.T, queries[rows])
        return of_queries, of_keys, None, None


def _blocks(
    queries: torch.Tensor, keys: torch.Tensor, bias: torch.Tensor, masked: Entries | None
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Rows and their products with all keys; shapes of the latter: (rows, C)."""
    step = max(1, BLOCK // max(1, len(keys)))
    starts = torch.arange(0, len(queries) + step, step, device=queries.device)
    ends = torch.searchsorted(masked[0], starts).tolist() if masked else []
    for number in range(-(-len(queries) // step)):
        rows = slice(number * step, (number + 1) * step)
        products = torch.addmm(bias, queries[rows], keys.T)
        if masked:
            own = slice(ends[number], ends[number + 1])
            flat = (masked[0][own] - rows.start) * len(keys) + masked[1][own]
            products.view(-1).index_fill_(0, flat, -torch.inf)
        yield rows, products
