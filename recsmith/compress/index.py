"""An index of the item vectors for catalogues that are too large to be scanned: built by k-means, measured, kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import faiss
import numpy as np

from recsmith.config.compress import Index
from recsmith.errors import UserError
from recsmith.serving.inverted import InvertedLists, probe
from recsmith.serving.model import Batch, ServingModel, top_k
from recsmith.serving.tables import index_type

K = 20
"""Items of the lists that recall is measured on."""
QUERIES = 400
"""People whose exact lists choose how many lists are looked into; as many others say what is found."""
MOST = 8
"""Of so many lists one may be looked into: items are gathered one by one, and beyond that a scan is faster."""
ITERATIONS, POINTS = 10, 64
"""Of k-means; points a centroid that it learns from."""


@dataclass(frozen=True)
class Indexed:
    """A model with an index, or without where none is due, and what a manifest says of it."""

    model: ServingModel
    said: dict[str, Any]


def indexed(model: ServingModel, histories: Batch, params: Index, seed: int) -> Indexed:
    """``model`` with the index that the parameters ask for, which finds the share ``params.recall`` of exact lists.

    UserError where one is asked for and the model has item-item entries or no vectors.
    """
    able = model.item_vectors is not None and model.sparse is None
    if params.kind == "ivf" and not able:
        raise UserError(
            "params.yaml: compress.index.kind = 'ivf': the chosen recipe has item-item entries, of which an index of "
            "vectors knows nothing. Take 'auto' or 'exact', or compress.export.top_k: 0."
        )
    if params.kind == "exact" or not able or (params.kind == "auto" and model.n_items < params.items):
        return Indexed(model, {"kind": "exact"})
    known = np.flatnonzero(np.diff(histories.indptr))
    drawn = np.random.default_rng(seed).permutation(known)[: 2 * QUERIES]
    if len(drawn) < 2:
        raise UserError("params.yaml: compress.index: too few histories to measure an index on; take kind: exact.")
    choosing, telling = (Asked.of(model, histories.take(part)) for part in (drawn[::2], drawn[1::2]))
    index = _enough(lists(model, seed), choosing, params.recall)
    if params.kind == "auto" and MOST * index.probes > len(index.centroids):
        return Indexed(model, {"kind": "exact"})
    said = {"kind": "ivf", "lists": len(index.centroids), "probes": index.probes, "queries": len(telling.exact)}
    return Indexed(replace(model, index=index), said | {f"recall@{K}": telling.recall(index)})


@dataclass(frozen=True)
class Asked:
    """Some people, and the exact lists that an index should find. Shapes: exact (B, K)."""

    model: ServingModel
    queries: Batch
    exact: np.ndarray

    @classmethod
    def of(cls, model: ServingModel, queries: Batch) -> Asked:
        """People with a history, and what a scan answers them."""
        return cls(model, queries, top_k(model, queries, K)[0])

    def recall(self, index: InvertedLists) -> float:
        """The share of the exact lists that is found in the index; nothing is where it does not fill a list."""
        table, vectors, hits = self.model.item_vectors, self.model.vectors(self.queries), 0
        assert table is not None
        for at, exact in enumerate(self.exact):
            seen = self.queries.part(at, at + 1).indices
            found = probe(index, table, self.model.sketch, vectors[at], seen, K)
            # Nothing found: everything is scanned, exactly, which an index is to spare.
            hits += 0 if found is None else np.isin(exact[exact >= 0], found[0]).sum()
        return float(hits / np.count_nonzero(self.exact >= 0))


def lists(model: ServingModel, seed: int) -> InvertedLists:
    """Twice the root of the number of items as lists; an item is in the list of its nearest centroid."""
    assert model.item_vectors is not None
    vectors = np.ascontiguousarray(model.item_vectors.dequantised())
    count = min(len(vectors), int(2 * len(vectors) ** 0.5))
    clusters = faiss.Kmeans(
        vectors.shape[1], count, niter=ITERATIONS, seed=seed, min_points_per_centroid=1, max_points_per_centroid=POINTS
    )
    clusters.train(vectors)
    _, nearest = clusters.index.search(vectors, 1)
    assert clusters.centroids is not None
    items = np.argsort(nearest[:, 0], kind="stable").astype(index_type(len(vectors)))
    offsets = np.concatenate(([0], np.cumsum(np.bincount(nearest[:, 0], minlength=count))))
    return InvertedLists(clusters.centroids, offsets.astype(index_type(len(vectors))), items, 1)


def _enough(index: InvertedLists, asked: Asked, least: float) -> InvertedLists:
    """The index that looks into as few lists, a power of two, as find the share ``least``; into all at worst."""
    probes = 1
    while probes < len(index.centroids):
        index = replace(index, probes=probes)
        if asked.recall(index) >= least:
            return index
        probes *= 2
    return replace(index, probes=len(index.centroids))
