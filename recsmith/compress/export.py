"""An exact model in the forms that serve, still in float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from scipy import sparse

from recsmith.compress.blend import blends
from recsmith.compress.csr import table_of
from recsmith.compress.filter_rows import FilterRows
from recsmith.compress.largest import Wanted, largest
from recsmith.compress.low_rank import balanced, factors
from recsmith.compress.tie import tied
from recsmith.config.compress import Export
from recsmith.engine.blend import BlendModel
from recsmith.errors import UserError
from recsmith.graph.graph import Graph
from recsmith.model.contract import FilterModel, Model, VectorModel
from recsmith.serving.model import ServingModel
from recsmith.serving.tables import SparseTable, Table

EXACT, BOTH, VECTORS, ENTRIES, TIED = "exact", "both", "low rank", "sparse", "tied"
NEGLIGIBLE = 1e-5
"""Share of the lengths of two rows below which an entry is rounding of their product."""
ENTRIES_A_COLUMN = 8 / 6
"""Entries of ``S`` (4 bytes, and 2 for the place) for the bytes of one number in both V and W."""


@runtime_checkable
class SparseFilter(Protocol):
    """A filter whose matrix is sparse already."""

    @property
    def popularity(self) -> np.ndarray:
        """(I,) float32."""
        ...

    @property
    def similarity(self) -> sparse.csr_matrix:
        """``P`` (I, I); a row for each item of a history."""
        ...


@runtime_checkable
class LowRankFilter(Protocol):
    """A filter whose matrix is of low rank already."""

    @property
    def popularity(self) -> np.ndarray:
        """(I,) float32."""
        ...

    @property
    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """``W, V`` (I, r) with ``P = W V^T``."""
        ...


@dataclass(frozen=True)
class Split:
    """How many vector columns, and how many sparse entries a row on average."""

    rank: int
    top_k: int


def forms(params: Export) -> dict[str, Split]:
    """What the parameters ask for, its vectors alone, and all of its bytes in entries.

    Which of them loses least for its bytes differs by filter and data, so that all are measured.
    """
    vectors = {VECTORS: Split(params.rank, 0)}
    if params.top_k == 0:
        return vectors
    entries = params.top_k + int(params.rank * ENTRIES_A_COLUMN)
    return {BOTH: Split(params.rank, params.top_k), **vectors, ENTRIES: Split(0, entries)}


def export(model: Model, graph: Graph, params: Export, seed: int, memory_mb: int) -> dict[str, ServingModel]:
    """The fp32 forms of a fitted model by name.

    Networks, sparse filters and those of low rank have one, ``exact``; other filters have low rank plus sparse in the
    splits of :func:`forms`, the first of them as the parameters say; a blend has the forms of its filters. What has a
    low rank alone is also there ``tied``, in a blend with networks too. Raises UserError for a model of no family.
    """
    if isinstance(model, BlendModel):
        parts = [(factor, _plain(part, graph, params, seed, memory_mb)) for factor, part in model.parts]
        if sum(any(map(_low_rank_alone, forms.values())) for _, forms in parts) == 1:
            parts = [(factor, _with_tie(forms)) for factor, forms in parts]
        return _with_tie(blends(parts, model.popularity))
    return _with_tie(_plain(model, graph, params, seed, memory_mb))


def _plain(model: Model, graph: Graph, params: Export, seed: int, memory_mb: int) -> dict[str, ServingModel]:
    if isinstance(model, VectorModel):
        return {EXACT: _two_towers(model, graph)}
    if isinstance(model, SparseFilter):
        return {EXACT: ServingModel(_counts(model.popularity), sparse=_from_csr(model.similarity))}
    if isinstance(model, LowRankFilter):
        return {EXACT: _low_rank(model)}
    if isinstance(model, FilterModel):
        return _filter(model, forms(params), seed, memory_mb)
    raise UserError(f"{type(model).__name__} has neither vectors nor a filter matrix; it cannot be exported.")


def _with_tie(made: dict[str, ServingModel]) -> dict[str, ServingModel]:
    """The forms, and the one of low rank alone with one table instead of two, where all is folded in."""
    low = [model for model in made.values() if _low_rank_alone(model)]
    return {**made, TIED: tied(low[0])} if low and TIED not in made else made


def _low_rank_alone(model: ServingModel) -> bool:
    return 0 < model.rank == model.projected and model.sparse is None


def _two_towers(model: VectorModel, graph: Graph) -> ServingModel:
    """Vectors as they are; people without a history have none."""
    users, items = model.user_vectors.cpu().numpy(), model.item_vectors.cpu().numpy()
    return ServingModel(
        popularity=_counts(model.popularity),
        item_vectors=Table(np.array(items, np.float32)),
        user_vectors=Table(np.array(users[np.diff(graph.indptr) > 0], np.float32)),
    )


def _low_rank(model: LowRankFilter) -> ServingModel:
    projection, vectors = balanced(*model.factors)
    return ServingModel(_counts(model.popularity), item_vectors=Table(vectors), projection=Table(projection))


def _filter(model: FilterModel, splits: dict[str, Split], seed: int, memory_mb: int) -> dict[str, ServingModel]:
    """Low rank, and the entries of the rest that matter most; an item matters by the root of its popularity."""
    popularity, matrix = _counts(model.popularity), FilterRows(model, memory_mb)
    weight = np.sqrt(popularity)
    low = factors(matrix, max(split.rank for split in splits.values()), weight, seed)
    wanted = {
        name: Wanted(low if split.rank else None, split.top_k * matrix.n_items)
        for name, split in splits.items()
        if split.top_k
    }
    entries = dict(zip(wanted, largest(matrix, list(wanted.values()), weight), strict=True))
    return {
        name: ServingModel(
            popularity=popularity,
            item_vectors=Table(low[1]) if split.rank else None,
            projection=Table(low[0]) if split.rank else None,
            sparse=_from_csr(_missed(entries[name], low) if split.rank else entries[name]) if name in entries else None,
        )
        for name, split in splits.items()
    }


def _missed(entries: sparse.csr_matrix, low: tuple[np.ndarray, np.ndarray]) -> sparse.csr_matrix:
    """``entries`` without what is rounding of the low rank: where that is all of the filter, nothing is left."""
    found = entries.tocoo()
    left, right = (np.linalg.norm(side, axis=1) for side in low)
    told = np.abs(found.data) > NEGLIGIBLE * left[found.row] * right[found.col]
    return sparse.csr_matrix((found.data[told], (found.row[told], found.col[told])), shape=found.shape)


def _from_csr(matrix: sparse.csr_matrix) -> SparseTable:
    """The entries that are not 0; the matrix stays as it is."""
    rows = sparse.csr_matrix(matrix, dtype=np.float32, copy=True)
    rows.eliminate_zeros()
    return table_of(rows)


def _counts(popularity: np.ndarray) -> np.ndarray:
    return np.array(popularity, np.float32)
