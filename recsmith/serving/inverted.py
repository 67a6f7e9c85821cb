"""Inverted lists over centroids (Sivic and Zisserman 2003): a query looks into the lists nearest to it alone.

What they leave out is not scored, so that lists are approximate; how many of the exact ones are found is measured when
a bundle is packed and stands in its manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsmith.serving.foreign import foreign
from recsmith.serving.scan import scan
from recsmith.serving.sketch import Sketch
from recsmith.serving.tables import whole
from recsmith.serving.vector_table import COUNT, VectorTable


@dataclass(frozen=True)
class InvertedLists:
    """Shapes: centroids (c, r) float32; offsets (c + 1,) and items (m,), the items of each list, ascending.

    Items from m on came later, are in no list, and are always looked at.
    """

    centroids: np.ndarray
    offsets: np.ndarray
    items: np.ndarray
    probes: int
    """Lists that a query looks into."""

    @property
    def nbytes(self) -> int:
        """Bytes of all that is stored, the number of probes included."""
        return self.centroids.nbytes + self.offsets.nbytes + self.items.nbytes + COUNT

    def near(self, query: np.ndarray, n_items: int) -> np.ndarray:
        """Items of the lists whose centroids have the highest products with ``query`` (r,). Shapes: -> (n,) int64."""
        products = self.centroids @ query
        lists = np.argpartition(products, -self.probes)[-self.probes :]
        found = [self.items[self.offsets[one] : self.offsets[one + 1]] for one in lists.tolist()]
        return np.concatenate([*found, np.arange(len(self.items), n_items)]).astype(np.int64)

    def check(self, shape: tuple[int, int]) -> None:
        """UserError where the parts do not fit one another, or vectors of that shape (I, r)."""
        if not (whole(self.offsets) and whole(self.items)):
            raise foreign("The lists of the index are no lists of items")
        count, ends = len(self.items), self.offsets.astype(np.int64)
        ascend = (
            len(ends) == len(self.centroids) + 1 and ends[0] == 0 and ends[-1] == count and (np.diff(ends) >= 0).all()
        )
        each_once = 0 < count <= shape[0] and np.array_equal(np.sort(self.items), np.arange(count))
        near = self.centroids.shape[1:] == shape[1:] and 1 <= self.probes <= len(self.centroids)
        if not (ascend and each_once and near and np.isfinite(self.centroids).all()):
            raise foreign("The lists of the index do not fit the item vectors")


def probe(
    index: InvertedLists, table: VectorTable, sketch: Sketch, query: np.ndarray, hidden: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """The ``k`` highest products of ``query`` with rows of the lists that it looks into, but for ``hidden`` items.

    Shapes: query (r,), hidden (h,) int -> as ``scan``; None where too few items are left to fill a list.
    """
    near = index.near(query, table.shape[0])
    near = near[~np.isin(near, hidden, kind="table")]
    if len(near) < k:
        return None
    return scan(table, sketch.take(near), query[None], k, items=near)


def words(said: Mapping[str, Any]) -> str:
    """What a manifest says of the index, as a sentence: how many lists, and what they find."""
    if said["kind"] == "exact":
        return "none: every item is scanned, exactly"
    found = {name: value for name, value in said.items() if name.startswith("recall@")}
    shares = ", ".join(f"{name} {value:.4f}" for name, value in found.items())
    return (
        f"a single query looks into {said['probes']:,} of {said['lists']:,} lists: {shares} against the exact scan "
        f"({said['queries']:,} people)"
    )
