"""Sums and maxima of messages that are not linear in the vectors, in blocks of entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from recsmith.engine.sparse.attention import featured
from recsmith.engine.sparse.pattern import Pattern
from recsmith.engine.sparse.propagate import Csr, at_least_single

BLOCK = 4096
"""Entries whose messages are alive at once on a CPU: they fit its cache."""
DEVICE_BLOCK = 2**20
"""On a GPU."""


def rectified_sums(nodes: torch.Tensor, projection: torch.Tensor, values: torch.Tensor, edges: Pattern) -> torch.Tensor:
    """``y_i = sum_j a_ij ReLU(x_j + f_ij P)``; messages are made twice, once forwards and once backwards.

    Shapes: nodes (N, D), projection (F, D), values (nnz,): a -> (N, D).
    """
    given = at_least_single(nodes), at_least_single(projection)
    return _RectifiedSums.apply(*given, values, edges)  # pyright: ignore[reportReturnType]


def maxima(nodes: torch.Tensor, edges: Pattern) -> torch.Tensor:
    """The largest entry of each column among the nodes that each node hears; entries at scale 0 are unheard.

    Every row of ``edges`` must hold its own node. Shapes: nodes (N, D) -> (N, D).
    """
    columns = edges.columns if edges.scale is None else torch.where(edges.scale > 0, edges.columns, edges.rows)
    return _Maxima.apply(at_least_single(nodes), columns, edges.indptr)  # pyright: ignore[reportReturnType]


class _RectifiedSums(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, nodes: torch.Tensor, projection: torch.Tensor, values: torch.Tensor, edges: Pattern
    ) -> torch.Tensor:
        ctx.edges = edges
        ctx.save_for_backward(nodes, projection, values)
        features, out = featured(edges, nodes), torch.zeros_like(nodes)
        for part, rows, ends in _blocks(edges.indptr, edges.rows):
            messages = torch.addmm(nodes.index_select(0, edges.columns[part]), features[part], projection)
            out[rows] += _sums(messages.relu_(), values[part], ends)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None, None]:
        nodes, projection, values = ctx.saved_tensors
        edges, grad = ctx.edges, grads[0].contiguous()
        order, columns = edges.order, edges.columns.index_select(0, edges.order)
        features, values = (known.index_select(0, order) for known in (featured(edges, nodes), values))
        to_nodes, to_projection = torch.zeros_like(nodes), torch.zeros_like(projection)
        for part, rows, ends in _blocks(edges.back_indptr, columns):
            messages = torch.addmm(nodes.index_select(0, columns[part]), features[part], projection)
            passed = grad.index_select(0, edges.back_columns[part]).mul_(messages > 0)
            to_nodes[rows] += _sums(passed, values[part], ends)
            to_projection.addmm_((features[part] * values[part].to(nodes.dtype)[:, None]).T, passed)
        return to_nodes, to_projection, None, None


def _blocks(indptr: torch.Tensor, rows: torch.Tensor) -> Iterator[tuple[slice, slice, torch.Tensor]]:
    """Entries in blocks, the rows that each block touches, and where these start in it."""
    total, size = len(rows), DEVICE_BLOCK if rows.is_cuda else BLOCK
    starts = list(range(0, total, size))
    stops = [min(start + size, total) for start in starts]
    firsts = rows[starts].tolist() if starts else []
    lasts = rows[[stop - 1 for stop in stops]].tolist() if starts else []
    for start, stop, first, last in zip(starts, stops, firsts, lasts, strict=True):
        yield slice(start, stop), slice(first, last + 1), (indptr[first : last + 2] - start).clamp_(0, stop - start)


def _sums(messages: torch.Tensor, values: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    own = torch.arange(len(messages), device=messages.device, dtype=ends.dtype)
    return Csr(ends, own, values).times(messages)


class _Maxima(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, nodes: torch.Tensor, columns: torch.Tensor, indptr: torch.Tensor) -> torch.Tensor:
        out, _, _, chosen = torch.embedding_bag(nodes.contiguous(), columns, indptr, mode=2, include_last_offset=True)
        ctx.save_for_backward(chosen)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (chosen,), grad = ctx.saved_tensors, grads[0]
        n, dimension = grad.shape
        places = chosen.long() * dimension + torch.arange(dimension, device=grad.device)
        found = grad.new_zeros(n * dimension).index_add_(0, places.view(-1), grad.reshape(-1))
        return found.view(n, dimension), None, None
