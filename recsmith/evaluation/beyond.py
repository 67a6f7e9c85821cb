"""What accuracy does not say about recommended lists: how much of the catalogue, how known, how alike, how unequal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from recsmith.graph.graph import Graph

DIVERSITY_USERS = 5000
"""Intra-list diversity is averaged over at most so many lists, evenly spaced in user order."""


def beyond_accuracy(lists: np.ndarray, graph: Graph, cutoffs: Sequence[int]) -> dict[str, float | None]:
    """Coverage, novelty, diversity and Gini at every cut-off; None where no list holds what is needed.

    Shapes: lists (n, K) item indices, best first, padded by -1.
    """
    values: dict[str, float | None] = {}
    for cutoff in cutoffs:
        top = lists[:, :cutoff]
        values[f"coverage@{cutoff}"] = coverage(top, graph.n_items)
        values[f"novelty@{cutoff}"] = novelty(top, graph)
        values[f"diversity@{cutoff}"] = diversity(top, graph)
        values[f"gini@{cutoff}"] = gini(recommended(top, graph.n_items))
    return values


def recommended(lists: np.ndarray, n_items: int) -> np.ndarray:
    """How often each item stands in a list.

    Shapes: lists (n, K) padded by -1; returns (I,) int64.
    """
    return np.bincount(lists[lists >= 0], minlength=n_items)


def coverage(lists: np.ndarray, n_items: int) -> float:
    """Share of the catalogue that stands in at least one list (Ge et al. 2010, "catalog coverage")."""
    return float(np.count_nonzero(recommended(lists, n_items)) / n_items)


def novelty(lists: np.ndarray, graph: Graph) -> float | None:
    """Mean self-information ``log2(U / users of the item)`` of what is recommended (Zhou et al. 2010, equation 2).

    An item that nobody has touched counts as touched once. Averaged in each list, then over lists.
    """
    users = np.maximum(np.diff(graph.binary.tocsc().indptr), 1)
    information = np.log2(graph.n_users / users)
    filled = lists >= 0
    size = filled.sum(1)
    total = np.where(filled, information[lists], 0.0).sum(1)
    return _mean(total[size > 0] / size[size > 0])


def diversity(lists: np.ndarray, graph: Graph) -> float | None:
    """Mean distance ``1 - cosine`` over the pairs of a list, items being the sets of their users.

    Smyth and McClave 2001 ("diversity"), Ziegler et al. 2005, with the collaborative cosine. Lists of under two items
    do not count; an item without users is at distance 1 from every other.
    """
    chosen = _evenly(lists[(lists >= 0).sum(1) > 1], DIVERSITY_USERS)
    if not len(chosen):
        return None
    unit = _unit_columns(graph.binary)
    return _mean(np.concatenate([_distances(part, unit) for part in np.array_split(chosen, -(-len(chosen) // 500))]))


def _distances(lists: np.ndarray, unit: sparse.csr_matrix) -> np.ndarray:
    """Mean pairwise distance of each list from ``|sum of unit vectors|^2 = sum of squares + 2 * sum over pairs``.

    Shapes: lists (n, K), unit (I, U) rows of length 1 or 0; returns (n,).
    """
    filled = lists >= 0
    size = filled.sum(1)
    rows = np.repeat(np.arange(len(lists)), size)
    n_items = len(unit.indptr) - 1
    picked = sparse.csr_matrix((np.ones(len(rows)), (rows, lists[filled])), shape=(len(lists), n_items))
    together = sparse.csr_matrix(picked @ unit)
    squared = np.asarray(together.multiply(together).sum(1)).ravel()
    alone = np.asarray(picked @ np.asarray(unit.multiply(unit).sum(1))).ravel()
    return 1.0 - (squared - alone) / (size * (size - 1))


def _unit_columns(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Items as rows of length 1 over users. Shapes: (U, I) -> (I, U)."""
    items = matrix.T.tocsr().astype(np.float64)
    length = np.sqrt(np.maximum(np.diff(items.indptr), 1))
    return sparse.diags_array(1.0 / length).tocsr() @ items


def gini(counts: np.ndarray) -> float | None:
    """Gini coefficient of counts: 0 all equal, towards 1 all on one (Fleder and Hosanagar 2009, section 3).

    Shapes: counts (I,). None where all are 0.
    """
    ordered = np.sort(counts).astype(np.float64)
    total, n = ordered.sum(), len(ordered)
    if total == 0:
        return None
    return float(((2 * np.arange(1, n + 1) - n - 1) * ordered).sum() / (n * total))


def _evenly(rows: np.ndarray, most: int) -> np.ndarray:
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
