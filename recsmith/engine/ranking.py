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
CACHE_SCORES = 5_000_000
"""Scores in a block (20 MB): larger ones fall out of the processor's cache and take up to three times as long."""


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
    scores = min(memory_mb * 2**20 // (4 * COPIES), CACHE_SCORES)
    return max(int(scores // max(n_items, 1)), 1)


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
        columns[tied] = _lowest_of_equals(scores[tied], values[tied, :k], columns[tied])
    columns = columns.sort(dim=1).values
    order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    columns = columns.gather(1, order.indices).masked_fill_(order.values == -torch.inf, -1)
    return columns.int().cpu().numpy(), order.values.cpu().numpy()


def _lowest_of_equals(scores: torch.Tensor, values: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """``columns`` with the lowest ones among the entries that equal the last value; torch.topk takes any of them.

    Shapes: scores (B, I), values, columns (B, k) in descending order of values -> (B, k).
    """
    border, place = values[:, -1:], torch.arange(values.shape[1], device=values.device)
    exact = torch.float32 if scores.shape[1] <= 2**24 else torch.float64
    low = -torch.arange(scores.shape[1], dtype=exact, device=scores.device)
    equal = torch.where(scores == border, low, -torch.inf).topk(values.shape[1], dim=1, sorted=True).indices
    behind = place - (values > border).sum(1, keepdim=True)
    return torch.where(behind >= 0, equal.gather(1, behind.clamp(min=0)), columns)
