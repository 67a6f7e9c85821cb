"""Attention over the edges of a graph without an array of edges times dimension, forwards or backwards."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse

SLOPE = 0.2
"""Of the leaky ReLU on the logits (Velickovic et al. 2018, section 3.3)."""


@dataclass(frozen=True)
class Pattern:
    """A structurally symmetric sparse pattern, row = target, column = source.

    Shapes:
        indptr (N + 1,) int32, rows, columns (nnz,) int32, ordered by (row, column).
        mirror (nnz,) int64: where the entry (column, row) lies.
    """

    indptr: torch.Tensor
    rows: torch.Tensor
    columns: torch.Tensor
    mirror: torch.Tensor

    def sums(self, values: torch.Tensor) -> torch.Tensor:
        """Row sums; shapes: values (nnz,) -> (N,)."""
        return torch.segment_reduce(values, "sum", offsets=self.indptr.long(), initial=0)

    def maxima(self, values: torch.Tensor) -> torch.Tensor:
        """Row maxima; shapes: values (nnz,) -> (N,)."""
        return torch.segment_reduce(values, "max", offsets=self.indptr.long())

    def times(self, values: torch.Tensor, dense: torch.Tensor) -> torch.Tensor:
        """Product of the pattern with these values; shapes: values (nnz,), dense (N, D) -> (N, D)."""
        return torch.embedding_bag(
            dense.contiguous(), self.columns, self.indptr, per_sample_weights=values, include_last_offset=True
        )[0]

    def products(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """``left[row] . right[column]`` of every entry; shapes: left, right (N, D) -> (nnz,)."""
        size = (len(left), len(right))
        with warnings.catch_warnings():
            # torch says once in each process that its CSR tensors are in beta.
            warnings.simplefilter("ignore", UserWarning)
            zeros = torch.zeros(len(self.columns), dtype=left.dtype, device=left.device)
            empty = torch.sparse_csr_tensor(self.indptr, self.columns, zeros, size, check_invariants=False)
            return torch.sparse.sampled_addmm(empty, left.contiguous(), right.t(), beta=0.0).values()


def pattern(matrix: sparse.csr_matrix, device: torch.device | str = "cpu") -> Pattern:
    """The pattern of a structurally symmetric matrix."""
    matrix.sort_indices()
    rows = np.repeat(np.arange(len(matrix.indptr) - 1, dtype=np.int32), np.diff(matrix.indptr))
    columns = matrix.indices.astype(np.int32)
    mirror = np.empty(len(rows), np.int64)
    mirror[np.lexsort((rows, columns))] = np.arange(len(rows))
    arrays = (matrix.indptr.astype(np.int32), rows, columns, mirror)
    return Pattern(*(torch.from_numpy(array).to(device) for array in arrays))


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
        leaky = torch.where(logits > 0, logits, SLOPE * logits)
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
        return edges.times(weights[edges.mirror], grad), edges.sums(logits[edges.mirror]), edges.sums(logits), None
