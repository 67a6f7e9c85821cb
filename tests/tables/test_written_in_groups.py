"""Interactions written a row group at a time."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from interaction_rows import interactions

from recsmith.tables.connect import count, engine, given, kept, release, write_interactions


def log(rows: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    users = [None if user == 3 else f"u{user}" for user in rng.integers(0, 7, rows)]
    columns = [users, [f"i{item}" for item in rng.permutation(rows)], rng.integers(0, 5, rows), rng.random(rows)]
    return interactions(list(zip(*columns, ["view"] * rows, strict=True)))


@pytest.mark.parametrize("rows", [0, 1, 7, 50])
@pytest.mark.parametrize("nulls_first", [True, False])
def test_rows_are_whole_ordered_and_in_groups(
    rows: int, nulls_first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsmith.tables.connect.ROW_GROUP", 7)
    table = log(rows)
    with engine(1) as backend:
        assert write_interactions(given(backend, table), tmp_path / "log.parquet", nulls_first=nulls_first) == rows
    file = pq.ParquetFile(tmp_path / "log.parquet")
    sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert sizes == [7] * (rows // 7) + [rows % 7] * (rows % 7 > 0 or not rows)

    def key(row: tuple) -> tuple:
        return ((row[0] is None) != nulls_first, row[0] or "", row[2], row[1])

    expected = sorted((tuple(row.values()) for row in table.to_pylist()), key=key)
    assert [tuple(row.values()) for row in file.read().to_pylist()] == expected


def test_a_group_size_changes_no_row_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for size in (1000, 11, 50):
        monkeypatch.setattr("recsmith.tables.connect.ROW_GROUP", size)
        with engine(2) as backend:
            write_interactions(given(backend, log(50)), tmp_path / "log.parquet")
        found.append(pq.read_table(tmp_path / "log.parquet"))
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])


def test_a_released_table_is_gone_and_others_stay() -> None:
    with engine(1) as backend:
        first, second = kept(given(backend, log(5))), kept(given(backend, log(6)))
        release(first)
        assert count(second) == 6
        with pytest.raises(duckdb.CatalogException):
            count(first)
