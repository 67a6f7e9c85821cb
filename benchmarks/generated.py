"""Interactions of any number with power-law users and items, written to Parquet a chunk at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsmith.tables.columns import ITEM, TIMESTAMP, USER

CHUNK = 1_000_000
PER_USER, PER_ITEM = 50, 500
"""Interactions of the average user and item: both grow with the size."""
USER_EXPONENT, ITEM_EXPONENT = 0.4, 0.6
"""The node of rank r has a share in proportion to ``r ** -exponent``."""
FIRST_SECOND, SECONDS = 1_500_000_000, 5 * 365 * 86_400


def generate(path: Path, size: int, seed: int) -> None:
    """``size`` interactions (some pairs more than once): ids are text in no order of activity, times uniform."""
    n_users, n_items = max(2, size // PER_USER), max(2, size // PER_ITEM)
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([(USER, pa.string()), (ITEM, pa.string()), (TIMESTAMP, pa.int64())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for number, start in enumerate(range(0, size, CHUNK)):
            rng = np.random.default_rng([seed, number])
            writer.write_table(_chunk(rng, min(CHUNK, size - start), n_users, n_items, schema))


def _chunk(rng: np.random.Generator, rows: int, n_users: int, n_items: int, schema: pa.Schema) -> pa.Table:
    users, items = _nodes(rng, rows, n_users, USER_EXPONENT), _nodes(rng, rows, n_items, ITEM_EXPONENT)
    seconds = rng.integers(FIRST_SECOND, FIRST_SECOND + SECONDS, rows)
    return pa.table([_named("u", users), _named("i", items), pa.array(seconds)], schema=schema)


def _nodes(rng: np.random.Generator, rows: int, n: int, exponent: float) -> np.ndarray:
    """Ranks by the inverse of their cumulative share (continuous), shuffled; shapes: -> (rows,) int64 below ``n``."""
    ranks = (n * rng.random(rows) ** (1 / (1 - exponent))).astype(np.int64)
    # 2**31 - 1 is a prime: the product visits every number below n once.
    return ranks * (2**31 - 1) % n


def _named(letter: str, numbers: np.ndarray) -> pa.Array:
    return pa.array(np.char.add(letter, numbers.astype(str)), pa.string())
