"""Attention over the entries of a pattern without an array of entries times dimension, forwards or backwards.

Logits are sums of the functions below. All of it is in float32 at least, whatever the precision of the vectors.
"""

from __future__ import annotations

from typing import Any

import torch

from recsmith.engine.sparse.pattern import Pattern
from recsmith.engine.sparse.propagate import Csr, at_least_single


def attend(values: torch.Tensor, logits: torch.Tensor, edges: Pattern) -> tuple[torch.Tensor, torch.Tensor]:
    """``y_i = sum_j alpha_ij v_j`` and ``z_i = sum_j alpha_ij f_ij`` with ``alpha_i`` the softmax over the row of i.

    ``f`` are the features of the entries. Entries count for as many as ``edges.scale`` says; rows without an entry that
    counts are zero.

    Shapes: values (N, D), logits (nnz,) -> (N, D), (N, F) with F = 0 where the entries have no features.
    """
    return _Attend.apply(at_least_single(values), at_least_single(logits), edges)  # pyright: ignore[reportReturnType]


def additive(source: torch.Tensor, target: torch.Tensor, edges: Pattern) -> torch.Tensor:
    """``source_j + target_i`` of every entry; shapes: source, target (N,) -> (nnz,)."""
    return _Additive.apply(at_least_single(source), at_least_single(target), edges)  # pyright: ignore[reportReturnType]


def inner(target: torch.Tensor, source: torch.Tensor, edges: Pattern) -> torch.Tensor:
    """``target_i . source_j`` of every entry; shapes: target, source (N, D) -> (nnz,)."""
    return _Inner.apply(at_least_single(target), at_least_single(source), edges)  # pyright: ignore[reportReturnType]


def read(target: torch.Tensor, edges: Pattern) -> torch.Tensor:
    """``target_i . f_ij`` of every entry with its features; shapes: target (N, F) -> (nnz,)."""
    return _Read.apply(at_least_single(target), edges)  # pyright: ignore[reportReturnType]


def featured(edges: Pattern, like: torch.Tensor) -> torch.Tensor:
    """Features of the entries in the type of another tensor; shapes: -> (nnz, F), F = 0 where they have none."""
    if edges.features is None:
        return like.new_zeros(len(edges.rows), 0)
    return edges.features.to(like.dtype)


def sums_of_features(values: torch.Tensor, edges: Pattern) -> torch.Tensor:
    """``sum_j values_ij f_ij``; shapes: values (nnz,) -> (N, F)."""
    features = featured(edges, values)
    if not features.shape[1]:
        return values.new_zeros(len(edges.indptr) - 1, 0)
    own = torch.arange(len(values), device=values.device, dtype=edges.indptr.dtype)
    return Csr(edges.indptr, own, values).times(features)


class _Attend(torch.autograd.Function):
    """The softmax is kept for the backward pass, one number an entry."""

    @staticmethod
    def forward(
        ctx: Any, values: torch.Tensor, logits: torch.Tensor, edges: Pattern
    ) -> tuple[torch.Tensor, torch.Tensor]:
        weights = _softmax(logits, edges)
        out, read_out = edges.times(weights, values), sums_of_features(weights, edges)
        ctx.edges = edges
        ctx.save_for_backward(values, weights, out, read_out)
        return out, read_out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        values, weights, out, read_out = ctx.saved_tensors
        edges, grad = ctx.edges, grads[0].contiguous()
        # sum_j alpha_ij (g_i . v_j) = g_i . y_i, so the softmax needs no sum over edges here.
        change = edges.products(grad, values) - torch.linalg.vecdot(grad, out).index_select(0, edges.rows)
        if read_out.shape[1]:
            change += torch.linalg.vecdot(grads[1].index_select(0, edges.rows), featured(edges, values))
            change -= torch.linalg.vecdot(grads[1], read_out).index_select(0, edges.rows)
        return edges.back_times(weights, grad), weights * change, None


def _softmax(logits: torch.Tensor, edges: Pattern) -> torch.Tensor:
    """Softmax over each row, where each entry counts for as many as its scale says, none at all at 0."""
    if edges.scale is None:
        powers = (logits - edges.maxima(logits).index_select(0, edges.rows)).exp()
        return powers / edges.sums(powers).index_select(0, edges.rows)
    counted = logits + edges.scale.to(logits.dtype).log()
    # Rows whose entries are all at scale 0 have no finite maximum and no sum.
    highest = edges.maxima(counted).clamp(min=torch.finfo(logits.dtype).min)
    powers = (counted - highest.index_select(0, edges.rows)).exp()
    sums = edges.sums(powers)
    return powers / torch.where(sums > 0, sums, 1.0).index_select(0, edges.rows)


class _Additive(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, source: torch.Tensor, target: torch.Tensor, edges: Pattern) -> torch.Tensor:
        ctx.edges = edges
        return source.index_select(0, edges.columns) + target.index_select(0, edges.rows)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        return ctx.edges.column_sums(grads[0]), ctx.edges.sums(grads[0]), None


class _Inner(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, target: torch.Tensor, source: torch.Tensor, edges: Pattern) -> torch.Tensor:
        ctx.edges = edges
        ctx.save_for_backward(target, source)
        return edges.products(target, source)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        target, source = ctx.saved_tensors
        return ctx.edges.times(grads[0], source), ctx.edges.back_times(grads[0], target), None


class _Read(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, target: torch.Tensor, edges: Pattern) -> torch.Tensor:
        ctx.edges = edges
        return torch.linalg.vecdot(target.index_select(0, edges.rows), featured(edges, target))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        return sums_of_features(grads[0], ctx.edges), None
