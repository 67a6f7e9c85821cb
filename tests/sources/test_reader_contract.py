"""Whatever the format: the same rows in, the same canonical tables out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import source_files as write

from recsmith.config.ingest import Ingest
from recsmith.files import file_hash
from recsmith.sources.contract import SCHEMAS, Tables
from recsmith.sources.registry import FORMATS, SOURCES, read
from recsmith.sources.write import write as write_tables
from recsmith.tables import columns as c

Case = Callable[[Path], dict[str, Any]]


def _zero(folder: Path, name: str, make: Callable[[Path], Path], **section: Any) -> dict[str, Any]:
    make(folder / name)
    return {"source": "files", "path": name, **section}


CASES: dict[str, Case] = {
    "delimited": lambda folder: _zero(folder, "log.csv", write.delimited),
    "parquet": lambda folder: _zero(folder, "log.parquet", write.parquet, format="parquet"),
    "jsonl": lambda folder: _zero(folder, "log.jsonl", write.jsonl, format="jsonl"),
    "jsonl, packed": lambda folder: _zero(folder, "log.jsonl.gz", write.jsonl, format="jsonl"),
    "recbole": lambda folder: _zero(folder, "log.inter", write.recbole, format="recbole"),
    "sql": lambda folder: _zero(folder, "log.db", write.sqlite, source="sql", sql={"query": write.SQL}),
}
OTHERS: dict[str, dict[str, Any]] = {"demo": {"source": "demo", "demo": {"users": 20, "items": 30}}}


@pytest.fixture(params=sorted(CASES))
def same(request: pytest.FixtureRequest, tmp_path: Path) -> Tables:
    return read(Ingest.model_validate(CASES[request.param](tmp_path)), tmp_path)


def test_rows_come_as_they_are_nulls_and_duplicates_included(same: Tables) -> None:
    rows = same.interactions.select(list(write.NAMES)).to_pylist()
    assert [tuple(row.values()) for row in rows] == write.ROWS


def test_tables_have_the_canonical_columns_and_types(same: Tables) -> None:
    for name, schema in SCHEMAS.items():
        table: pa.Table = getattr(same, name)
        assert [table.schema.field(column) for column in schema.names] == list(schema)


def test_what_a_source_does_not_say_is_null_and_the_event_is_named(same: Tables) -> None:
    assert same.interactions[c.SPLIT].null_count == same.interactions.num_rows
    assert set(same.interactions[c.EVENT].to_pylist()) == {c.DEFAULT_EVENT}


def test_rows_are_counted_per_file(same: Tables) -> None:
    assert list(same.rows.values()) == [len(write.ROWS)]


def test_every_reader_is_tried_here_or_has_tests_of_its_own() -> None:
    tried = {name.split(",")[0] for name in CASES} | set(OTHERS)
    assert set(FORMATS) | set(SOURCES) == tried | {"events", "lightgcn", "ml-latest-small"}


def test_equal_tables_in_any_order_give_equal_bytes(same: Tables, tmp_path: Path) -> None:
    backwards = Tables(interactions=same.interactions.take(list(range(len(write.ROWS)))[::-1]))
    write_tables(Tables(interactions=same.interactions), tmp_path / "one")
    write_tables(backwards, tmp_path / "two")
    for name in c.TABLES:
        assert file_hash(tmp_path / "one" / f"{name}.parquet") == file_hash(tmp_path / "two" / f"{name}.parquet")


def test_rows_are_ordered_by_user_time_and_item_with_nulls_last(tmp_path: Path) -> None:
    rows = [("b", "1", 5), ("a", "2", 9), ("a", "10", 9), (None, "1", 1), ("a", "3", None)]
    table = pa.table(
        {
            c.USER: [row[0] for row in rows],
            c.ITEM: [row[1] for row in rows],
            c.TIMESTAMP: pa.array([row[2] for row in rows], pa.int64()),
            c.WEIGHT: pa.nulls(len(rows), pa.float64()),
            c.EVENT: ["view"] * len(rows),
            c.SPLIT: pa.nulls(len(rows), pa.string()),
            c.POSITION: pa.nulls(len(rows), pa.int64()),
        }
    )
    write_tables(Tables(interactions=table), tmp_path)
    found = [tuple(row.values())[:3] for row in pq.read_table(tmp_path / "interactions.parquet").to_pylist()]
    assert found == [("a", "10", 9), ("a", "2", 9), ("a", "3", None), ("b", "1", 5), (None, "1", 1)]
