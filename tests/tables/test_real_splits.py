from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pytest
from ibis.backends.duckdb import Backend

from recsmith.config.split import Split
from recsmith.tables.connect import write_arrow
from recsmith.tables.schema import SCHEMA
from recsmith.tables.seal import split_files


@pytest.fixture(scope="session")
def movielens(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MovieLens latest-small as ingest writes it."""
    folder = tmp_path_factory.mktemp("movielens")
    with zipfile.ZipFile(mirror / "ml-latest-small" / "ml-latest-small.zip") as archive:
        rows = csv.read_csv(io.BytesIO(archive.read("ml-latest-small/ratings.csv")))
    columns = [rows["userId"], rows["movieId"], rows["timestamp"], rows["rating"]]
    constant = [pa.array(["interaction"] * len(rows)), pa.nulls(len(rows)), pa.nulls(len(rows))]
    write_arrow(pa.table([*columns, *constant], names=SCHEMA.names).cast(SCHEMA), folder / "interactions.parquet")
    write_arrow(pa.table({"user_id": pa.array([], pa.string())}), folder / "users.parquet")
    return folder


@pytest.mark.parametrize(
    ("method", "test_users", "cold_users"),
    [("per_user_temporal", 610, 0), ("leave_one_out", 610, 0), ("global_temporal", 74, 47)],
)
def test_movielens_is_split_as_its_history_says(
    backend: Backend, movielens: Path, tmp_path: Path, method: str, test_users: int, cold_users: int
) -> None:
    found = split_files(backend, movielens, tmp_path, Split.model_validate({"method": method}), 7)
    assert found["splits"]["test"]["users"] == test_users
    assert found["cold"]["test"]["users"] == cold_users
    assert sum(part["rows"] for part in found["splits"].values()) == 100_836
