"""Sparse times dense over CSR with int32 indices, differentiable through a stored transpose.

The product is torch's ``embedding_bag`` with a weight for each edge: rows are gathered and summed in the order of the
matrix, so the bytes do not depend on the number of threads. On two cores it takes a quarter of the time of torch's own
CSR product (MKL) and a thirtieth of ``index_add`` (``benchmarks/training.py``).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch.nn import functional

INT32_ENTRIES = 2**31 - 1
"""Up to so many entries, indices are int32."""


@dataclass(frozen=True)
class Csr:
    """One direction of a sparse matrix on a device.

    Shapes: indptr (rows + 1,), indices (nnz,) int32 (int64 where there are too many), values (nnz,) float32.
    """

    indptr: torch.Tensor
    indices: torch.Tensor
    values: torch.Tensor

    def times(self, dense: torch.Tensor) -> torch.Tensor:
        """The product without gradient, in the type of ``dense``; empty rows give zeros.

        Shapes: dense (columns, D) -> (rows, D).
        """
        if not len(self.indices):
            return dense.new_zeros(len(self.indptr) - 1, dense.shape[1])
        # A GPU adds short floats up in float32 by itself, a CPU does not.
        given = dense.contiguous() if dense.is_cuda else at_least_single(dense).contiguous()
        values = self.values.to(given.dtype)
        found = torch.embedding_bag(
            given, self.indices, self.indptr, per_sample_weights=values, include_last_offset=True
        )
        return found[0].to(dense.dtype)


@dataclass(frozen=True)
class Product:
    """A constant sparse matrix that can stand in a differentiable product."""

    forward: Csr
    transpose: Csr

    def scaled(self, factor: torch.Tensor, order: torch.Tensor) -> Product:
        """Each entry times a factor, one for both directions; shapes: factor (nnz,), order (nnz,) of the transpose."""
        forward = replace(self.forward, values=self.forward.values * factor)
        if self.transpose is self.forward:
            return Product(forward, forward)
        return Product(forward, replace(self.transpose, values=self.transpose.values * factor.index_select(0, order)))

    def __matmul__(self, dense: torch.Tensor) -> torch.Tensor:
        """In short floats under autocast; shapes: (rows, columns) @ (columns, D) -> (rows, D)."""
        if torch.is_autocast_enabled(dense.device.type):
            dense = dense.to(torch.get_autocast_dtype(dense.device.type))
        return _Multiply.apply(dense, self)  # pyright: ignore[reportReturnType]


class _Multiply(torch.autograd.Function):
    """``Y = A X`` with ``dX = A^T dY``."""

    @staticmethod
    def forward(ctx: Any, dense: torch.Tensor, product: Product) -> torch.Tensor:
        ctx.transpose = product.transpose
        return product.forward.times(dense)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.transpose.times(grads[0]), None


@dataclass(frozen=True)
class Gather:
    """Rows to be taken out of a table, with what it takes to add their gradients up without a scatter.

    Shapes: rows (R,) int64 into n; order (R,) int32 sorts them; indptr (n + 1,) int32: where each row's places start.
    """

    rows: torch.Tensor
    order: torch.Tensor
    indptr: torch.Tensor

    @classmethod
    def of(cls, rows: torch.Tensor, n: int) -> Gather:
        """Shapes: rows (R,) int64, each below ``n``."""
        ends = torch.bincount(rows, minlength=n).cumsum(0)
        indptr = functional.pad(ends, (1, 0)).to(torch.int32)
        return cls(rows, torch.argsort(rows, stable=True).to(torch.int32), indptr)

    @property
    def counts(self) -> torch.Tensor:
        """(n,) int32: how often each row is taken."""
        return self.indptr.diff()

    def __call__(self, table: torch.Tensor) -> torch.Tensor:
        """Shapes: table (n, D) -> (R, D)."""
        return _Take.apply(table, self)  # pyright: ignore[reportReturnType]


class _Take(torch.autograd.Function):
    """``Y = X[rows]``; the gradient is summed row by row in a fixed order."""

    @staticmethod
    def forward(ctx: Any, table: torch.Tensor, gather: Gather) -> torch.Tensor:
        ctx.gather = gather
        return table.index_select(0, gather.rows)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        gather = ctx.gather
        return torch.embedding_bag(grads[0].contiguous(), gather.order, gather.indptr, include_last_offset=True)[
            0
        ], None


class SquaredLength(torch.autograd.Function):
    """``sum_r c_r |x_r|^2`` without a copy of the rows that are counted.

    Shapes: table (n, D), counts (n,) -> ().
    """

    @staticmethod
    def forward(ctx: Any, table: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        weighted = table * counts.to(table.dtype)[:, None]
        ctx.save_for_backward(weighted)
        return torch.dot(weighted.view(-1), table.reshape(-1))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.saved_tensors[0] * (2 * grads[0]), None


def product(matrix: sparse.csr_matrix, device: torch.device | str = "cpu") -> Product:
    """Put a SciPy matrix and its transpose on ``device``; a symmetric one is stored once."""
    transpose = matrix.T.tocsr()
    forward = csr(matrix, device)
    if matrix.shape == transpose.shape and (matrix != transpose).nnz == 0:
        return Product(forward, forward)
    return Product(forward, csr(transpose, device))


def csr(matrix: sparse.csr_matrix, device: torch.device | str) -> Csr:
    """Put a SciPy matrix on ``device``."""
    matrix = matrix.tocsr()
    matrix.sort_indices()
    return Csr(
        indices(matrix.indptr, matrix.nnz).to(device),
        indices(matrix.indices, matrix.nnz).to(device),
        torch.from_numpy(matrix.data.astype(np.float32)).to(device),
    )


def at_least_single(dense: torch.Tensor) -> torch.Tensor:
    """As it is, or in float32 where it is of a shorter type."""
    return dense if dense.dtype in (torch.float32, torch.float64) else dense.float()


def indices(array: np.ndarray, nnz: int) -> torch.Tensor:
    """Indices of a matrix of ``nnz`` entries as int32; as int64 where there are more, which is said once."""
    if nnz <= INT32_ENTRIES:
        return torch.from_numpy(array.astype(np.int32))
    _say_once(f"The graph has more than {INT32_ENTRIES:,} entries: its indices are int64 and take twice the memory.")
    return torch.from_numpy(array.astype(np.int64))


@lru_cache
def _say_once(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
