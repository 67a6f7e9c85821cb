"""Full ranking: one block of users at a time, seen items masked, the best K with ties broken by item index."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy import sparse

from recsmith.errors import UserError
from recsmith.graph.graph import Graph
from recsmith.model.contract import Model

COPIES = 4
"""Arrays of the size of a score block that are alive at once."""
WIDEST = 1024
"""Users in a block; wider ones fall out of the processor's cache."""


def top_lists(model: Model, users: np.ndarray, k: int, seen: Graph, *, memory_mb: int) -> np.ndarray:
    """The best unseen items of each user, best first, -1 where there is none.

    Shapes: users (n,) int -> (n, k) int32.
    """
    return top_scored(model, users, k, seen, memory_mb=memory_mb)[0]


def top_scored(
    model: Model, users: np.ndarray, k: int, seen: Graph, *, memory_mb: int
) -> tuple[np.ndarray, np.ndarray]:
    """The best unseen items of each user and their scores (-inf where there is no item).

    Shapes: users (n,) int -> items (n, k) int32, scores (n, k) float32. Raises UserError where the model scores NaN.
    """
    users = np.asarray(users)
    items, scores = np.full((len(users), k), -1, np.int32), np.full((len(users), k), -np.inf, np.float32)
    for start, stop in blocks(len(users), block_rows(model.n_items, memory_mb)):
        block = mask_seen(model.scores(users[start:stop]), seen.binary[users[start:stop]])
        width = min(k, model.n_items)
        items[start:stop, :width], scores[start:stop, :width] = top_of(block, width)
    return items, scores


def blocks(n: int, rows: int) -> Iterator[tuple[int, int]]:
    """Half-open ranges of at most ``rows`` that cover ``0..n-1``."""
    for start in range(0, n, rows):
        yield start, min(start + rows, n)


def block_rows(n_items: int, memory_mb: int) -> int:
    """Users whose dense scores (float32, with the copies that ranking makes) fit into ``memory_mb``."""
    return int(min(max(memory_mb * 2**20 // (4 * COPIES * max(n_items, 1)), 1), WIDEST))


def mask_seen(scores: torch.Tensor, seen: sparse.csr_matrix) -> torch.Tensor:
    """``scores`` (B, I) with -inf where ``seen`` (B, I) has an entry (in place)."""
    rows = np.repeat(np.arange(len(seen.indptr) - 1), np.diff(seen.indptr))
    at = torch.from_numpy(rows * scores.shape[1] + seen.indices.astype(np.int64)).to(scores.device)
    return scores.contiguous().view(-1).index_fill_(0, at, -torch.inf).view(scores.shape)


def top_of(scores: torch.Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` highest entries of each row, ties by lower column; -inf entries are never listed.

    Shapes: scores (B, I) float32, k <= I -> columns (B, k) int32 (-1: none), values (B, k) float32.
    """
    values, columns = torch.topk(scores, min(k + 1, scores.shape[1]), dim=1, sorted=True)
    if values.isnan().any():
        raise UserError("The model scores NaN: its training diverged. Lower its learning rate.")
    if values.shape[1] > k:
        tied = ((values[:, k - 1] == values[:, k]) & (values[:, k] > -torch.inf)).nonzero()[:, 0]
        columns = columns[:, :k].clone()
        if len(tied):
            columns[tied] = _exact(scores[tied], k)
    columns = columns.sort(dim=1).values
    values = scores.gather(1, columns)
    order = values.sort(dim=1, descending=True, stable=True)
    columns = columns.gather(1, order.indices).masked_fill_(order.values == -torch.inf, -1)
    return columns.int().cpu().numpy(), order.values.cpu().numpy()


def _exact(scores: torch.Tensor, k: int) -> torch.Tensor:
    """Columns of the ``k`` highest entries where several are equal at the border: float and column as one integer key.

    Floats of one sign order like their bits; ``+ 0.0`` makes one zero of two.
    """
    bits = (scores.float() + 0.0).view(torch.int32).long()
    ordered = torch.where(bits >= 0, bits, -(bits & 0x7FFFFFFF) - 1)
    keys = (ordered << 32) - torch.arange(scores.shape[1], device=scores.device)
    return keys.topk(k, dim=1, sorted=False).indices
