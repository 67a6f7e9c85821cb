"""Full ranking: one block of users at a time, seen items masked, the best K with ties broken by item index.

The best K of a row are looked for among groups of columns: the maxima of the groups take one pass, and the groups with
the highest maxima hold the best entries (``largest``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy import sparse

from recsmith.engine.rank.largest import largest
from recsmith.errors import SizedOut, UserError
from recsmith.graph.graph import Graph
from recsmith.model.contract import Model, Reusing

COPIES = 4
"""Arrays of the size of a score block that are alive at once."""
FRESH_SCORES = 5_000_000
"""Scores in a block of its own (20 MB): larger arrays are returned to the system and paid for again page by page."""
REUSED_SCORES = 20_000_000
"""Scores in a block that is written into again and again: the product reads the items once for more users."""


def top_lists(model: Model, users: np.ndarray, k: int, seen: Graph, *, memory_mb: int) -> np.ndarray:
    """The best unseen items of each user, best first, -1 where there is none.

    Shapes: users (n,) int -> (n, k) int32.
    """
    return top_scored(model, users, k, seen, memory_mb=memory_mb)[0]


def top_scored(
    model: Model, users: np.ndarray, k: int, seen: Graph, *, memory_mb: int
) -> tuple[np.ndarray, np.ndarray]:
    """The best unseen items of each user and their scores (-inf where there is no item).

    Shapes: users (n,) int -> items (n, k) int32, scores (n, k) float32. Raises UserError where the model scores NaN,
    SizedOut where the scores of one user do not fit into the memory of the device.
    """
    users, width = np.asarray(users), min(k, model.n_items)
    items, scores = np.full((len(users), k), -1, np.int32), np.full((len(users), k), -np.inf, np.float32)
    rows = block_rows(model.n_items, memory_mb, REUSED_SCORES if isinstance(model, Reusing) else FRESH_SCORES)
    for start, best, highest in _ranked(model, users, width, seen.binary, min(rows, max(len(users), 1))):
        items[start : start + len(best), :width] = best
        scores[start : start + len(best), :width] = highest
    return items, scores


def _ranked(
    model: Model, users: np.ndarray, k: int, seen: sparse.csr_matrix, rows: int
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Where a block starts, its lists and their scores; blocks are halved where the device has no room for them."""
    start, halved, score = 0, False, None
    while start < len(users):
        chosen = users[start : start + rows]
        try:
            score = score or scorer(model, rows)
            best, highest = top_of(mask_seen(score(chosen), seen[chosen]), k)
        except torch.OutOfMemoryError as error:
            rows, score, halved = _halved(rows, model.n_items, halved, error), None, True
            continue
        yield start, best, highest
        start += len(chosen)


def _halved(rows: int, n_items: int, told: bool, error: torch.OutOfMemoryError) -> int:
    """Half of ``rows``, said once."""
    if rows == 1:
        raise SizedOut(f"The scores of one user for {n_items:,} items do not fit on the device: {error}") from error
    if not told:
        print(f"ranking: out of memory with {rows:,} users at once, going on with fewer", file=sys.stderr, flush=True)
    return rows // 2


def scorer(model: Model, rows: int) -> Callable[[np.ndarray], torch.Tensor]:
    """The scores of up to ``rows`` users, valid until the next call: in one array where the model can reuse it."""
    if not isinstance(model, Reusing):
        return model.scores
    scratch = model.scratch(rows)
    return lambda users: model.scores_into(users, scratch[: len(users)])


def blocks(n: int, rows: int) -> Iterator[tuple[int, int]]:
    """Half-open ranges of at most ``rows`` that cover ``0..n-1``."""
    for start in range(0, n, rows):
        yield start, min(start + rows, n)


def block_rows(n_items: int, memory_mb: int, most: int = FRESH_SCORES) -> int:
    """Users whose dense scores (float32, with the copies that ranking makes) fit into ``memory_mb``, ``most`` scores
    at once."""
    scores = min(memory_mb * 2**20 // (4 * COPIES), most)
    return max(int(scores // max(n_items, 1)), 1)


def mask_seen(scores: torch.Tensor, seen: sparse.csr_matrix) -> torch.Tensor:
    """``scores`` (B, I) with -inf where ``seen`` (B, I) has an entry (in place where its rows are contiguous)."""
    scores = scores if scores.stride(1) == 1 else scores.contiguous()
    rows = np.repeat(np.arange(len(seen.indptr) - 1), np.diff(seen.indptr))
    at = torch.from_numpy(rows * scores.stride(0) + seen.indices).to(scores.device)
    whole = scores.as_strided(((scores.shape[0] - 1) * scores.stride(0) + scores.shape[1],), (1,))
    whole.index_fill_(0, at, -torch.inf)
    return scores


def top_of(scores: torch.Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` highest entries of each row, ties by lower column; -inf entries are never listed.

    Shapes: scores (B, I) float32, k <= I -> columns (B, k) int32 (-1: none), values (B, k) float32.
    """
    values, columns = largest(scores, min(k + 1, scores.shape[1]))
    if values.isnan().any():
        raise UserError("The model scores NaN: its training diverged. Lower its learning rate.")
    tied = ((values[:, 1:] == values[:, :-1]) & (values[:, 1:] > -torch.inf)).any(1).nonzero()[:, 0]
    values, columns = values[:, :k], columns[:, :k]
    if len(tied):
        columns[tied] = _by_column(scores[tied], values[tied], columns[tied])
    columns = columns.masked_fill(values == -torch.inf, -1)
    return columns.int().cpu().numpy(), values.cpu().numpy()


def _by_column(scores: torch.Tensor, values: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """``columns`` with the lowest ones among equals, in ascending order among equals.

    Shapes: scores (B, I), values, columns (B, k) in descending order of values -> (B, k).
    """
    columns = _lowest_of_equals(scores, values, columns).sort(dim=1).values
    order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    return columns.gather(1, order.indices)


def _lowest_of_equals(scores: torch.Tensor, values: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """``columns`` with the lowest ones among the entries that equal the last value; ``largest`` takes any of them.

    Shapes: scores (B, I), values, columns (B, k) in descending order of values -> (B, k).
    """
    border, place = values[:, -1:], torch.arange(values.shape[1], device=values.device)
    exact = torch.float32 if scores.shape[1] <= 2**24 else torch.float64
    low = -torch.arange(scores.shape[1], dtype=exact, device=scores.device)
    equal = largest(torch.where(scores == border, low, -torch.inf), values.shape[1])[1]
    behind = place - (values > border).sum(1, keepdim=True)
    return torch.where(behind >= 0, equal.gather(1, behind.clamp(min=0)), columns)
