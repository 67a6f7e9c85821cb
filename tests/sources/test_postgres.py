"""PostgreSQL, against a real server of our own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from postgres_servers import serving

from recsmith.config.ingest import Ingest
from recsmith.errors import UserError
from recsmith.sources.fetch import fetch
from recsmith.sources.registry import read

QUERY = "SELECT who AS user_id, what AS item_id, at AS timestamp, stars AS weight FROM log ORDER BY at"
SECTION = {"source": "sql", "sql": {"backend": "postgres", "query": QUERY, "dsn_variable": "SHOP_DSN"}}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as found:
        yield found


@pytest.fixture
def shop(address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    with psycopg.connect(address) as connection:
        connection.execute("DROP TABLE IF EXISTS log")
        connection.execute("CREATE TABLE log (who TEXT, what BIGINT, at TIMESTAMPTZ, stars NUMERIC)")
        connection.execute(
            "INSERT INTO log VALUES ('007', 1, '1970-01-02 00:00:00+00', 4.5), ('8', 2, '1970-01-03 01:00:00+01', NULL)"
        )
    monkeypatch.setenv("SHOP_DSN", address)
    return address


def test_a_snapshot_is_fetched_and_read_without_the_server(
    shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = Ingest.model_validate(SECTION)
    fetch(params, tmp_path, None, print)
    monkeypatch.delenv("SHOP_DSN")
    rows = [tuple(row.values())[:4] for row in read(params, tmp_path).interactions.to_pylist()]
    assert rows == [("007", "1", 86_400, 4.5), ("8", "2", 172_800, None)]


def test_the_address_is_written_nowhere(shop: str, tmp_path: Path) -> None:
    fetch(Ingest.model_validate(SECTION), tmp_path, None, print)
    contents = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert contents
    assert not any(shop.encode() in content for content in contents)


def test_another_query_asks_for_another_fetch(shop: str, tmp_path: Path) -> None:
    fetch(Ingest.model_validate(SECTION), tmp_path, None, print)
    other = Ingest.model_validate({**SECTION, "sql": {**SECTION["sql"], "query": QUERY + " LIMIT 1"}})
    with pytest.raises(UserError, match="recsmith fetch"):
        read(other, tmp_path)


def test_a_wrong_query_leaves_the_last_snapshot(shop: str, tmp_path: Path) -> None:
    params = Ingest.model_validate(SECTION)
    fetch(params, tmp_path, None, print)
    wrong = Ingest.model_validate({**SECTION, "sql": {**SECTION["sql"], "query": "SELECT nothing"}})
    with pytest.raises(UserError, match="query fails"):
        fetch(wrong, tmp_path, None, print)
    assert read(params, tmp_path).interactions.num_rows == 2


def test_a_missing_address_or_silent_server_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = Ingest.model_validate(SECTION)
    monkeypatch.delenv("SHOP_DSN", raising=False)
    with pytest.raises(UserError, match="SHOP_DSN is not set"):
        fetch(params, tmp_path, None, print)
    monkeypatch.setenv("SHOP_DSN", f"postgresql://shop@/postgres?host={tmp_path}")
    with pytest.raises(UserError, match=r"SHOP_DSN.*does not answer"):
        fetch(params, tmp_path, None, print)
