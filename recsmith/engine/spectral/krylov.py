"""Leading singular triplets of a sparse matrix of norm 1 at most, by a seeded randomised block Krylov method.

Block Lanczos with full re-orthogonalisation on the Gram matrix of the shorter side (Musco and Musco 2015, algorithm 2;
Golub and Van Loan 2013, section 10.3.6). Narrow blocks suit it twice: more powers for the same size of the basis, and
sparse products that stay in the processor's cache. Where the basis would be half of the space or more, the Gram matrix
is decomposed as a whole, in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from recsmith.engine.rank.ranking import blocks
from recsmith.engine.sparse.propagate import Csr, Product

BLOCK = 32
"""Columns of a product: two cache lines a row."""
OVERSAMPLING, EXTRA = 3, 64
"""Vectors of the Krylov basis for each triplet that is asked for, and some more."""
ROUNDING = 10.0
"""Eigenvalues of the Gram matrix below so many machine epsilons of the largest are zeros."""

Apply = Callable[[torch.Tensor], torch.Tensor]
Triple = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def decompose(matrix: Product, rank: int, seed: int) -> Triple:
    """``left, values, right`` with ``matrix ~ left diag(values) right^T``, largest first, zeros left out. Seeded.

    Shapes: matrix (n, m) -> (n, r), (r,), (m, r) float32 with r at most ``rank`` and the rank of the matrix.
    """
    n, m = len(matrix.forward.indptr) - 1, len(matrix.transpose.indptr) - 1
    if n > m:
        right, values, left = decompose(Product(matrix.transpose, matrix.forward), rank, seed)
        return left, values, right
    forward, back = _in_blocks(matrix.forward), _in_blocks(matrix.transpose)

    def gram(x: torch.Tensor) -> torch.Tensor:
        return forward(back(x))

    device = matrix.forward.values.device
    if _is_whole(n, rank):
        values, vectors = torch.linalg.eigh(gram(torch.eye(n, dtype=torch.float64, device=device)))
    else:
        values, vectors = _lanczos(gram, _start(n, seed).to(device), _width(rank))
    zero = ROUNDING * torch.finfo(vectors.dtype).eps * values.max().clamp(min=0) if n else 0
    kept = int((values > zero).sum().clamp(max=rank))
    return _triplets(back, vectors.flip(1)[:, :kept])


def needed(n: int, m: int, rank: int) -> int:
    """Bytes that :func:`decompose` holds at its peak for a matrix (n, m)."""
    n, m = min(n, m), max(n, m)
    if _is_whole(n, rank):
        return 8 * (3 * n * n + 3 * (n + m) * min(rank, n))
    return 4 * (n * _width(rank) + 3 * (n + m) * rank)


def _width(rank: int) -> int:
    return -(-(OVERSAMPLING * rank + EXTRA) // BLOCK) * BLOCK


def _is_whole(n: int, rank: int) -> bool:
    return 2 * _width(rank) >= n


def _start(n: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, BLOCK)).astype(np.float32))


def _in_blocks(matrix: Csr) -> Apply:
    """The product with many columns, a narrow block of them at a time."""

    def apply(x: torch.Tensor) -> torch.Tensor:
        out = x.new_empty(len(matrix.indptr) - 1, x.shape[1])
        for start, stop in blocks(x.shape[1], BLOCK):
            out[:, start:stop] = matrix.times(x[:, start:stop])
        return out

    return apply


def _lanczos(gram: Apply, start: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ritz values, ascending, and vectors of a positive operator on the block Krylov space of ``start``.

    Shapes: start (n, b) -> (w,) float32, (n, w) float32 orthonormal, w at most ``width``.
    """
    basis, small = start.new_empty(width, len(start)), start.new_zeros(width, width)
    known = 0
    for block in _orthonormal_blocks(gram, start, basis, small):
        known += block
    turn = small[:known, :known].triu()
    values, vectors = torch.linalg.eigh((turn + turn.triu(1).T).double())
    return values.float(), basis[:known].T @ vectors.float()


def _orthonormal_blocks(gram: Apply, start: torch.Tensor, basis: torch.Tensor, small: torch.Tensor) -> Iterator[int]:
    """Fill ``basis`` (w, n), its rows orthonormal, and ``small = basis gram(basis^T)``, on and above the diagonal.

    Yields the rows added; ends early where the space holds everything that the operator can reach.
    """
    block = torch.linalg.qr(start)[0]
    for at in range(0, len(basis), BLOCK):
        rows = slice(at, at + BLOCK)
        basis[rows] = block.T
        image, found = gram(block), basis[: at + BLOCK]
        small[: at + BLOCK, rows] = found @ image
        yield BLOCK
        image -= found.T @ small[: at + BLOCK, rows]
        if image.norm() < ROUNDING * torch.finfo(image.dtype).eps:
            return
        block = torch.linalg.qr(image)[0]
        block = torch.linalg.qr(block - found.T @ (found @ block))[0]


def _triplets(back: Apply, vectors: torch.Tensor) -> Triple:
    """Both sides orthonormal to rounding, from one of them. Shapes: vectors (n, r) -> (n, r), (r,), (m, r)."""
    basis, rest = torch.linalg.qr(back(vectors.contiguous()))
    turn, values, other = torch.linalg.svd(rest)
    left, right = vectors @ other.T, basis @ turn
    sign = torch.where(right.sum(0) < 0, -1.0, 1.0).to(right.dtype)
    return (left * sign).float(), values.float(), (right * sign).float()
