"""Where the entries of a sparse matrix lie, in both directions, and what is known of each."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

from recsmith.engine.sparse.entries import Entries
from recsmith.engine.sparse.propagate import Csr, Product, indices


@dataclass(frozen=True)
class Pattern:
    """A sparse pattern, row = target, column = source.

    Shapes:
        indptr (N + 1,), rows, columns (nnz,) int32 (int64 where there are too many), ordered by row.
        order (nnz,) sorts the entries by (column, row); back_indptr (N + 1,), back_columns (nnz,): the
        transposed pattern in that order.
        scale (nnz,) float32: what the entry counts for in sums and in attention; None: 1.
        features (nnz, F) float32: attributes; None where they were not asked for.
    """

    indptr: torch.Tensor
    rows: torch.Tensor
    columns: torch.Tensor
    order: torch.Tensor
    back_indptr: torch.Tensor
    back_columns: torch.Tensor
    scale: torch.Tensor | None = None
    features: torch.Tensor | None = None

    def sums(self, values: torch.Tensor) -> torch.Tensor:
        """Row sums; shapes: values (nnz,) -> (N,)."""
        return torch.segment_reduce(values, "sum", offsets=self.indptr.long(), initial=0)

    def column_sums(self, values: torch.Tensor) -> torch.Tensor:
        """Shapes: values (nnz,) -> (N,)."""
        return torch.segment_reduce(
            values.index_select(0, self.order), "sum", offsets=self.back_indptr.long(), initial=0
        )

    def maxima(self, values: torch.Tensor) -> torch.Tensor:
        """Row maxima; shapes: values (nnz,) -> (N,)."""
        return torch.segment_reduce(values, "max", offsets=self.indptr.long())

    def times(self, values: torch.Tensor, dense: torch.Tensor) -> torch.Tensor:
        """Product of the pattern with these values; shapes: values (nnz,), dense (N, D) -> (N, D)."""
        return Csr(self.indptr, self.columns, values).times(dense)

    def back_times(self, values: torch.Tensor, dense: torch.Tensor) -> torch.Tensor:
        """Product of the transposed pattern with these values; shapes: values (nnz,), dense (N, D) -> (N, D)."""
        return Csr(self.back_indptr, self.back_columns, values.index_select(0, self.order)).times(dense)

    def products(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """``left[row] . right[column]`` of every entry; shapes: left, right (N, D) -> (nnz,)."""
        size = (len(left), len(right))
        with warnings.catch_warnings():
            # torch says once in each process that its CSR tensors are in beta.
            warnings.simplefilter("ignore", UserWarning)
            zeros = torch.zeros(len(self.columns), dtype=left.dtype, device=left.device)
            empty = torch.sparse_csr_tensor(self.indptr, self.columns, zeros, size, check_invariants=False)
            return torch.sparse.sampled_addmm(empty, left.contiguous(), right.t(), beta=0.0).values()

    def product(self, values: torch.Tensor) -> Product:
        """The constant matrix with these values, stored once where it is symmetric; shapes: values (nnz,)."""
        forward, back = Csr(self.indptr, self.columns, values), values.index_select(0, self.order)
        if self.back_columns is self.columns and torch.equal(values, back):
            return Product(forward, forward)
        return Product(forward, Csr(self.back_indptr, self.back_columns, back))


def pattern(entries: Entries, n_nodes: int, device: torch.device | str = "cpu") -> Pattern:
    """Put the pattern of the entries on ``device``; a symmetric one shares its arrays between both directions."""
    counts = np.bincount(entries.rows, minlength=n_nodes)
    indptr = np.concatenate(([0], np.cumsum(counts)))
    places = sparse.csr_matrix((np.arange(len(entries.rows)), entries.columns, indptr), shape=(n_nodes, n_nodes))
    back = places.tocsc()
    to = _Mover(torch.device(device), len(entries.rows))
    ahead = to.indices(indptr), to.indices(entries.columns)
    symmetric = np.array_equal(indptr, back.indptr) and np.array_equal(entries.columns, back.indices)
    behind = ahead if symmetric else (to.indices(back.indptr), to.indices(back.indices))
    known = [None if array is None else to.floats(array) for array in (entries.scale, entries.features)]
    return Pattern(ahead[0], to.indices(entries.rows), ahead[1], to.indices(back.data), *behind, *known)


@dataclass(frozen=True)
class _Mover:
    """Arrays of a matrix of ``nnz`` entries to a device."""

    device: torch.device
    nnz: int

    def indices(self, array: np.ndarray) -> torch.Tensor:
        return indices(array, self.nnz).to(self.device)

    def floats(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.asarray(array, np.float32)).to(self.device)
