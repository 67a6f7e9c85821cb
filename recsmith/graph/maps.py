"""Id maps: strings outside, row numbers inside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsmith.errors import UserError
from recsmith.tables.columns import EVENT, HEAD, ITEM, RELATION, SOURCE_USER, TAIL, TARGET_USER, TITLE, USER, WEIGHT

# The stubs of pyarrow.compute do not list the functions that are made while it is imported.
_compute: Any = pc

TEXT = (USER, ITEM, EVENT)
"""Columns of interactions whose values repeat: a dictionary a row group takes a fraction of the memory."""


def load(path: Path | str, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file, or ``columns`` of it with their text as dictionaries; UserError where it cannot be read."""
    try:
        if columns is None:
            return pq.read_table(path)
        text = [name for name in columns if name in TEXT]
        return pq.ParquetFile(path, read_dictionary=text).read(list(columns))
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path} cannot be read ({error}); run the stage that writes it (dvc repro).") from error


def ids(*columns: pa.ChunkedArray) -> pa.Array:
    """All ids in ``columns`` once, ordered by their UTF-8 bytes; nulls left out."""
    chunks = [_words(chunk) for column in columns for chunk in column.chunks]
    distinct = _compute.drop_null(_compute.unique(pa.chunked_array(chunks, pa.string())))
    return distinct.take(_compute.sort_indices(distinct))


def _words(chunk: pa.Array) -> pa.Array:
    """The values that occur in ``chunk``, some of them perhaps more than once."""
    if not pa.types.is_dictionary(chunk.type):
        return chunk
    used = _compute.unique(chunk)
    return used.dictionary.take(used.indices)


def numbers(values: pa.ChunkedArray, known: pa.Array) -> np.ndarray:
    """Row number of each value in ``known``, -1 where it is not there. Shapes: (n,) int32."""
    if not pa.types.is_dictionary(values.type):
        return np.concatenate([np.empty(0, np.int32), *(_rows(chunk, known) for chunk in values.chunks)])
    found = np.empty(len(values), np.int32)
    chunks = values.unify_dictionaries().chunks
    row_of = np.append(_rows(chunks[0].dictionary, known), np.int32(-1)) if chunks else found
    start = 0
    for chunk in chunks:
        codes = _compute.fill_null(chunk.indices, len(row_of) - 1).to_numpy()
        np.take(row_of, codes, out=found[start : start + len(chunk)])
        start += len(chunk)
    return found


def _rows(words: pa.Array, known: pa.Array) -> np.ndarray:
    return _compute.fill_null(_compute.index_in(words, value_set=known), -1).to_numpy()


def describe(known: pa.Array, table: pa.Table, key: str) -> pa.Table:
    """The rows of ``table`` in the order of ``known`` ids, nulls where it has none; the first of doubled ids counts.

    Columns: ``key``, title (for items), then the features by name.
    """
    first = pc.index_in(known, value_set=table[key].combine_chunks())  # pyright: ignore[reportAttributeAccessIssue]
    features = sorted(set(table.column_names) - {key, TITLE})
    names = [TITLE, *features] if key == ITEM else features
    columns = {key: known}
    for name in names:
        columns[name] = table[name].take(first) if name in table.column_names else pa.nulls(len(known), pa.string())
    return pa.table(columns)


def social(table: pa.Table, users: pa.Array) -> pa.Table:
    """Friendships between known users, ordered, once each: user, friend (int32), weight (float32, 1 if none)."""
    user, friend = numbers(table[SOURCE_USER], users), numbers(table[TARGET_USER], users)
    weight = np.ones(len(user)) if WEIGHT not in table.column_names else _filled(table[WEIGHT])
    keep = np.flatnonzero((user >= 0) & (friend >= 0))
    keys, first = np.unique(user[keep].astype(np.int64) * len(users) + friend[keep], return_index=True)
    columns = [
        (keys // len(users)).astype(np.int32),
        (keys % len(users)).astype(np.int32),
        weight[keep][first].astype(np.float32),
    ]
    return pa.table(columns, names=["user", "friend", WEIGHT])


def _filled(column: pa.ChunkedArray) -> np.ndarray:
    return _compute.fill_null(column.cast(pa.float64()), 1.0).to_numpy()


def knowledge(table: pa.Table, items: pa.Array) -> pa.Table:
    """Triples once each, ordered, with the item numbers of head and tail (int32, null where they are no items)."""
    triples = table.select([HEAD, RELATION, TAIL]).drop_null()
    triples = triples.group_by([HEAD, RELATION, TAIL], use_threads=False).aggregate([])
    triples = triples.sort_by([(HEAD, "ascending"), (RELATION, "ascending"), (TAIL, "ascending")])
    for name in (HEAD, TAIL):
        triples = triples.append_column(f"{name}_item", _compute.index_in(triples[name], value_set=items))
    return triples


def users_of(people: pa.Table) -> pa.Array:
    """Everyone, in order; UserError where nobody is there."""
    known = ids(people[USER])
    if not len(known):
        raise UserError("The graph has no users: data/split/people.parquet is empty.")
    return known
