"""Mirror, then network, then the demo where nothing was asked for; nothing wrong is ever kept."""

from __future__ import annotations

import hashlib
import io
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from recsmith.config.ingest import Ingest
from recsmith.errors import UserError
from recsmith.files import read_json
from recsmith.sources import fetch as fetching
from recsmith.sources import movielens
from recsmith.sources.fetch import fetch
from recsmith.sources.registry import read

DEFAULT = Ingest()
PYTHON_SECONDS = 0.8
"""What the command itself takes to start."""
CONTENTS = {
    "links.csv": b"movieId,imdbId,tmdbId\n1,0114709,862\n",
    "movies.csv": b'movieId,title,genres\n1,"Story, A (1995)",Comedy\n2,Other,Drama\n',
    "ratings.csv": b"userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,2,2.5,964982704\n",
    "tags.csv": b"userId,movieId,tag,timestamp\n",
}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Small contents in place of MovieLens, and an official address at which nobody answers."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    monkeypatch.setattr(movielens, "HASHES", hashes)
    monkeypatch.setattr(movielens, "ADDRESS", f"http://127.0.0.1:{closed_port()}/ml-latest-small.zip")


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def archive(folder: Path, **other: bytes) -> Path:
    """A mirror whose archive holds the right contents but for ``other``."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name, content in CONTENTS.items():
            opened.writestr(f"ml-latest-small/{name}", other.get(name.removesuffix(".csv"), content))
    target = folder / "ml-latest-small" / "ml-latest-small.zip"
    target.parent.mkdir(parents=True)
    target.write_bytes(packed.getvalue())
    return folder


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def silent() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def source(root: Path) -> dict[str, object]:
    return read_json(root / "data/raw/source.json")


def run(root: Path, mirror: str | None = None, params: Ingest = DEFAULT) -> str:
    said: list[str] = []
    fetch(params, root, mirror, said.append)
    return "\n".join(said)


def test_the_mirror_is_looked_up_first_as_a_folder_or_an_address(tmp_path: Path) -> None:
    mirror = archive(tmp_path / "mirror")
    run(tmp_path / "one", str(mirror))
    with served(mirror) as address:
        run(tmp_path / "two", address + "/")
    for name in ("one", "two"):
        raw = tmp_path / name / "data/raw"
        assert {path.name: path.read_bytes() for path in raw.glob("*.csv")} == CONTENTS
        assert source(tmp_path / name)["via"] == "mirror"
        assert source(tmp_path / name)["stand_in"] is False


def test_the_official_address_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(archive(tmp_path / "there")) as address:
        monkeypatch.setattr(movielens, "ADDRESS", f"{address}/ml-latest-small/ml-latest-small.zip")
        said = run(tmp_path, str(tmp_path / "no mirror"))
    assert "there is no such file" in said
    assert source(tmp_path)["via"] == "network"


def test_what_was_fetched_is_read_with_its_titles(tmp_path: Path) -> None:
    run(tmp_path, str(archive(tmp_path / "mirror")))
    found = read(DEFAULT, tmp_path)
    assert [tuple(row.values())[:4] for row in found.interactions.to_pylist()] == [
        ("1", "1", 964982703, 4.0),
        ("1", "2", 964982704, 2.5),
    ]
    assert found.items["title"].to_pylist() == ["Story, A (1995)", "Other"]


def test_right_files_are_not_fetched_again_and_altered_ones_are(tmp_path: Path) -> None:
    mirror = str(archive(tmp_path / "mirror"))
    run(tmp_path, mirror)
    assert "already" in run(tmp_path, None)
    (tmp_path / "data/raw/ratings.csv").write_bytes(b"userId\n")
    run(tmp_path, mirror)
    assert (tmp_path / "data/raw/ratings.csv").read_bytes() == CONTENTS["ratings.csv"]


def test_wrong_contents_are_named_and_never_kept(tmp_path: Path) -> None:
    said = run(tmp_path, str(archive(tmp_path / "mirror", ratings=b"userId,movieId\n")))
    assert "ratings.csv in ml-latest-small.zip has the wrong contents" in said
    assert str(tmp_path / "mirror") in said
    assert source(tmp_path)["stand_in"] is True
    assert not list((tmp_path / "data/raw").glob("*.csv"))


@pytest.mark.parametrize("keep", [0, 10, 400, -30])
def test_a_truncated_archive_counts_as_no_answer(tmp_path: Path, keep: int) -> None:
    path = archive(tmp_path / "mirror") / "ml-latest-small/ml-latest-small.zip"
    path.write_bytes(path.read_bytes()[:keep])
    assert "truncated or no zip file" in run(tmp_path, str(tmp_path / "mirror"))
    assert source(tmp_path)["stand_in"] is True


def test_the_demo_stands_in_loudly_and_gives_way_to_the_real_source(tmp_path: Path) -> None:
    said = run(tmp_path)
    assert "THE BUILT-IN DEMO STANDS IN" in said
    assert source(tmp_path)["reason"] == fetching.REASON
    small = DEFAULT.model_copy(update={"demo": DEFAULT.demo.model_copy(update={"users": 20, "items": 30})})
    assert read(small, tmp_path).interactions.num_rows > 100
    run(tmp_path, str(archive(tmp_path / "mirror")))
    assert source(tmp_path)["stand_in"] is False
    assert read(DEFAULT, tmp_path).interactions.num_rows == 2


def test_a_silent_network_is_given_up_in_time_and_sooner_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "FIRST_SECONDS", 1.0)
    monkeypatch.setattr(fetching, "LATER_SECONDS", 0.3)
    with silent() as mirror, silent() as address:
        monkeypatch.setattr(movielens, "ADDRESS", f"{address}/x.zip")
        took = []
        for _ in range(2):
            started = time.monotonic()
            said = run(tmp_path, mirror)
            took.append(time.monotonic() - started)
    assert said.count("does not answer") == 2
    assert 0.8 < took[0] < 1.0 + 2.0
    assert took[1] < took[0]


def test_the_limits_are_ten_seconds_and_then_two() -> None:
    assert fetching.FIRST_SECONDS + PYTHON_SECONDS <= 10.0
    assert fetching.LATER_SECONDS + PYTHON_SECONDS <= 2.0


@pytest.mark.parametrize(
    "section",
    [
        {"source": "files", "path": "mine.csv"},
        {"source": "files", "path": ".", "files": [{"file": "mine.csv"}]},
        {"source": "sql", "path": "mine.db", "sql": {"query": "SELECT 1"}},
    ],
)
def test_nothing_stands_in_for_a_source_that_was_named(tmp_path: Path, section: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"mine\.\w+'? does not exist"):
        run(tmp_path, None, Ingest.model_validate(section))


def test_ingest_without_fetch_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="recsmith fetch"):
        read(DEFAULT, tmp_path)


def test_an_equal_fetch_writes_equal_bytes(tmp_path: Path) -> None:
    mirror = str(archive(tmp_path / "mirror"))
    for name in ("one", "two"):
        run(tmp_path / name, mirror)
    one, two = (sorted((tmp_path / name / "data/raw").iterdir()) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
