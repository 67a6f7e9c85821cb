from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ibis.backends.duckdb import Backend

from recsmith.config.split import KCore, Split
from recsmith.errors import UserError
from recsmith.tables.audit import audit, prove
from recsmith.tables.columns import SPLITS
from recsmith.tables.connect import ORDER, connect, engine, read, write_arrow, write_interactions
from recsmith.tables.seal import core, split_files

Make = Callable[[list], ibis.Table]
LOG = [(f"u{user}", f"i{(user * 3 + n) % 17:02}", 100 * n + user, 3.0) for user in range(6) for n in range(10)]


@pytest.fixture
def ingest(tmp_path: Path, make: Make) -> Callable[[list], Path]:
    def _ingest(rows: list) -> Path:
        folder = tmp_path / "ingest"
        write_interactions(make(rows), folder / "interactions.parquet")
        write_arrow(pa.table({"user_id": ["u0", "quiet"]}), folder / "users.parquet")
        return folder

    return _ingest


def ids(folder: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def test_everything_is_written_ordered_counted_and_proven(backend: Backend, ingest: Any, tmp_path: Path) -> None:
    found = split_files(backend, ingest([*LOG, LOG[0], (None, "i00", 1), ("lost", None, 1)]), tmp_path, Split(), 7)
    assert found == json.loads((tmp_path / "audit.json").read_text())
    assert found["removed"] | {"read": 63, "null_ids": 2, "duplicates": 1} == found["removed"]
    assert set(found["proofs"].values()) == {0}
    assert {name: found["splits"][name]["rows"] for name in SPLITS} == {"train": 48, "valid": 6, "test": 6}
    for name in SPLITS:
        rows = ids(tmp_path, name)
        assert rows == sorted(rows, key=lambda row: [str(row[column]) for column in ORDER[:1]] + [row["timestamp"]])
        assert {row["split"] for row in rows} == {name}
    people = [row["user_id"] for row in ids(tmp_path, "people")]
    assert people == ["lost", "quiet", *(f"u{n}" for n in range(6))]


@pytest.mark.parametrize("method", ["per_user_temporal", "global_temporal", "leave_one_out", "random"])
def test_two_runs_write_the_same_bytes_whatever_the_order_and_the_threads(
    ingest: Any, tmp_path: Path, method: str
) -> None:
    params, written = Split.model_validate({"method": method, "valid": 0.2, "test": 0.2}), []
    for threads, rows in ((1, LOG), (2, LOG[::-1])):
        out = tmp_path / str(threads)
        with engine(threads) as backend:
            split_files(backend, ingest(rows), out, params, 7)
        written.append({path.name: path.read_bytes() for path in sorted(out.iterdir())})
    assert len(written[0]) == 5
    assert written[0] == written[1]


def test_cold_users_and_items_are_counted(backend: Backend, make: Make, tmp_path: Path) -> None:
    parts = {"train": [("a", "1", 1)], "valid": [("a", "2", 2), ("b", "1", 2)], "test": [("a", "9", 3), ("c", "2", 3)]}
    for name, rows in parts.items():
        write_interactions(make(rows), tmp_path / f"{name}.parquet")
    found = audit(backend, tmp_path, "global_temporal", "global_temporal", {"read": 5})["cold"]
    assert found["valid"] == {"users": 1, "items": 1, "pairs_of_cold_users": 1, "pairs_of_cold_items": 1, "pairs": 2}
    assert found["test"] == {"users": 1, "items": 1, "pairs_of_cold_users": 1, "pairs_of_cold_items": 1, "pairs": 2}


@pytest.mark.parametrize(
    ("broken", "proof"),
    [
        ({"test": [("a", "1", 9)]}, "shared_pairs_train_test"),
        ({"train": [("a", "1", 1), ("a", "7", 8)]}, "future_rows_train_test"),
        ({"valid": [("a", "2", 7)]}, "future_rows_valid_test"),
        ({"valid": [("a", "2", 3), ("a", "8", 4)]}, "rows_lost_uncounted"),
    ],
)
def test_a_leak_in_the_written_tables_is_found(
    backend: Backend, make: Make, tmp_path: Path, broken: dict, proof: str
) -> None:
    parts = {"train": [("a", "1", 1)], "valid": [("a", "2", 3)], "test": [("a", "3", 5)]} | broken
    for name, rows in parts.items():
        write_interactions(make(rows), tmp_path / f"{name}.parquet")
    found = audit(backend, tmp_path, "per_user_temporal", "per_user_temporal", {"read": 3})["proofs"]
    assert found[proof] != 0
    with pytest.raises(UserError, match=proof):
        prove(found)


def test_k_core_filters_train_and_valid_and_leaves_test_alone(backend: Backend, ingest: Any, tmp_path: Path) -> None:
    rows = [*LOG, ("short", "i00", 1), ("short", "i01", 2), ("short", "i02", 3)]
    found = split_files(backend, ingest(rows), tmp_path, Split(k_core=KCore(users=3)), 7)
    assert {row["user_id"] for row in ids(tmp_path, "train")} == {f"u{n}" for n in range(6)}
    assert "short" not in {row["user_id"] for row in ids(tmp_path, "valid")}
    assert "short" in {row["user_id"] for row in ids(tmp_path, "test")}
    assert "short" in {row["user_id"] for row in ids(tmp_path, "people")}
    assert found["k_core"]["users_of_train"] == 1
    assert found["cold"]["test"]["users"] == 1


def test_a_k_core_that_leaves_nothing_says_what_to_lower(make: Make) -> None:
    with pytest.raises(UserError, match=r"split\.k_core = \(users 5, items 1\) leaves 0 of 2 train"):
        core(make([("a", "1", 1), ("a", "2", 2)]), make([("a", "3", 3)]), KCore(users=5))


def test_a_source_that_comes_split_is_split_anew_with_a_warning(backend: Backend, ingest: Any, tmp_path: Path) -> None:
    rows = [(*row, "interaction", "train" if n % 3 else "test") for n, row in enumerate(LOG)]
    assert split_files(backend, ingest(rows), tmp_path, Split(method="given"), 7)["warnings"] == []
    found = split_files(backend, ingest(rows), tmp_path, Split(), 7)
    assert "its split was ignored" in found["warnings"][0]
    assert found["splits"]["test"]["rows"] == 6


@pytest.mark.parametrize(("content", "says"), [(None, "does not exist"), (b"no", "is not a Parquet file")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "x.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"x.parquet {says}"):
        read(connect(1), path)


def test_too_little_memory_is_an_error_that_names_the_key() -> None:
    statement = "SET temp_directory = ''; CREATE TABLE big AS SELECT md5(range::VARCHAR) AS a FROM range(3000000)"
    with pytest.raises(UserError, match=r"Raise run\.memory_mb"), engine(1, 20) as backend:
        backend.raw_sql(statement)
