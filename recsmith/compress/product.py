"""Product quantisation (Jegou, Douze, Schmid 2011): each row is a word from each of a few books, found by faiss."""

from __future__ import annotations

import faiss
import numpy as np

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.popularity import weights
from recsmith.compress.units import unit_of
from recsmith.compress.vectors import with_items
from recsmith.serving.model import ServingModel
from recsmith.serving.product import ProductTable

WORDS = 256
ITERATIONS = 25
NORMAL = 1000 * np.finfo(np.float16).smallest_normal
"""Books whose largest number is below it would lose their small ones in half precision."""


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """Item vectors and projection in at most ``knobs.bytes_a_row`` bytes a row, and their books.

    An item counts in the books by the root of its popularity.
    """
    given = weights(model.popularity)
    return with_items(model, lambda table: quantise(table.dequantised(), knobs.bytes_a_row, given, calibration.seed))


def width_of(columns: int, count: int) -> int:
    """Columns of a book where a row has at most ``count`` words."""
    return max(1, -(-columns // count))


def quantise(values: np.ndarray, count: int, weight: np.ndarray, seed: int) -> ProductTable:
    """Rows as at most ``count`` words. Shapes: values (n, r) float32, weight (n,) float32."""
    columns, unit = values.shape[1], unit_of(values)
    width = width_of(columns, count)
    padded = np.pad(values / unit, ((0, 0), (0, -columns % width)))
    words = [_words(padded[:, first : first + width], weight, seed) for first in range(0, columns, width)]
    codes = np.stack([code for _, code in words], axis=1)
    return ProductTable(codes, _halved(np.stack([book for book, _ in words]) * unit), columns)


def _halved(books: np.ndarray) -> np.ndarray:
    """Books in two bytes a number where these hold them."""
    fit = NORMAL <= np.abs(books).max(initial=0) <= np.finfo(np.float16).max
    return books.astype(np.float16) if fit else books


def _words(part: np.ndarray, weight: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A book and each row's word in it. Shapes: part (n, d), weight (n,) -> (k, d) float32, (n,) uint8."""
    part = np.ascontiguousarray(part)
    clusters = faiss.Kmeans(
        part.shape[1], min(WORDS, len(part)), niter=ITERATIONS, seed=seed, min_points_per_centroid=1,
        max_points_per_centroid=len(part),
    )  # fmt: skip
    clusters.train(part, weights=weight)
    _, nearest = clusters.index.search(part, 1)
    assert clusters.centroids is not None
    return clusters.centroids, nearest[:, 0].astype(np.uint8)
