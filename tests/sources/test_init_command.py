"""``recsmith init`` writes a section that reads the person's files, or says what it cannot know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from source_files import lines, parquet, read_files, recbole, sqlite

from recsmith.__main__ import main
from recsmith.cli import init
from recsmith.config.ingest import Ingest
from recsmith.config.read import read_section
from recsmith.config.split import Split
from recsmith.sources.registry import read

PARAMS = """# Knobs
run:
  seed: 7      # the seed

ingest:        # where from
  source: ml-latest-small
  path: data/raw

# How it is cut
split:
  method: per_user_temporal   # or others
  valid: 0.1
"""
Command = Callable[..., int]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run ``recsmith init`` in a project of its own, nobody at the terminal."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    return lambda *words: main(["init", *map(str, words)])


def ingest(root: Path) -> Ingest:
    return read_section(root / "params.yaml", "ingest", Ingest)


def split(root: Path) -> Split:
    return read_section(root / "params.yaml", "split", Split)


def test_a_csv_is_understood_and_all_else_is_left_as_it_was(tmp_path: Path, command: Command) -> None:
    lines(tmp_path / "ratings.csv", "userId,movieId,rating,timestamp", "1,2,4.5,964982703", "2,3,1,964982704")
    assert command("ratings.csv") == 0
    params = ingest(tmp_path)
    assert (params.source, params.path, params.format) == ("files", "ratings.csv", "delimited")
    assert params.files[0].columns == {
        "user_id": "userId",
        "item_id": "movieId",
        "timestamp": "timestamp",
        "weight": "rating",
    }
    text = (tmp_path / "params.yaml").read_text()
    before, after = PARAMS.split("ingest:")[0], PARAMS[PARAMS.index("# How it is cut") :]
    assert text.startswith(before)
    assert text.endswith(after)


def test_folders_outside_the_project_are_named_by_their_whole_path(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, command: Command
) -> None:
    outside = lines(tmp_path_factory.mktemp("elsewhere") / "log.csv", "user_id,item_id", "1,2")
    assert command(outside) == 0
    assert ingest(tmp_path).path == str(outside)


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (("964982703", "1433221332"), "s"),
        (("964982703000", "1433221332117"), "ms"),
        (("2014-04-07T10:51:09.277Z", "2014-04-07"), "iso"),
    ],
)
def test_the_unit_of_time_is_told_by_the_values(
    tmp_path: Path, command: Command, values: Sequence[str], unit: str
) -> None:
    lines(tmp_path / "log.csv", "visitorid;itemid;timestamp", *(f"{n};{n};{value}" for n, value in enumerate(values)))
    assert command("log.csv") == 0
    assert ingest(tmp_path).files[0].timestamp_unit == unit
    assert split(tmp_path).method == "per_user_temporal"


def test_times_of_no_known_size_are_asked_about(
    tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(tmp_path / "log.csv", "user_id,item_id,timestamp", "1,2,17", "1,3,18")
    assert command("log.csv") == 1
    assert "--timestamp-unit" in capsys.readouterr().err
    assert (tmp_path / "params.yaml").read_text() == PARAMS
    assert command("log.csv", "--column", "timestamp=none") == 0
    assert split(tmp_path).method == "random"


def test_files_without_times_are_split_at_random_and_that_is_said(
    tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(tmp_path / "log.csv", "user_id,item_id", "1,2", "1,3")
    assert command("log.csv") == 0
    assert split(tmp_path).method == "random"
    assert "Set split.method: random, because your files have no times" in capsys.readouterr().out
    assert "method: random   # or others" in (tmp_path / "params.yaml").read_text()


def test_without_a_header_the_columns_are_asked_for_and_may_be_said(
    tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(tmp_path / "u.data", "196\t242\t3\t881250949", "186\t302\t3\t891717742")
    assert command("u.data", "--yes") == 1
    said = capsys.readouterr().err
    assert "--column user_id=0" in said
    assert "--column item_id=" in said
    assert command("u.data", "--column", "user_id=0", "--column", "item_id=1", "--column", "weight=2") == 0
    spec = ingest(tmp_path).files[0]
    assert spec.columns == {"user_id": "0", "item_id": "1", "timestamp": "3", "weight": "2"}
    assert spec.header is False


def test_a_given_split_with_events_sets_what_is_predicted(tmp_path: Path, command: Command) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in ("train_view", "train_buy", "test"):
        lines(folder / f"{name}.tsv", "user_id\titem_id", "1\t2")
    assert command("shop") == 1
    assert command("shop", "--event", "test.tsv=buy") == 0
    found = {spec.file: (spec.role, spec.event) for spec in ingest(tmp_path).files}
    assert found == {
        "test.tsv": ("test", "buy"),
        "train_buy.tsv": ("train", "buy"),
        "train_view.tsv": ("train", "view"),
    }
    assert (split(tmp_path).method, split(tmp_path).target_event) == ("given", "buy")


def test_side_files_are_told_apart_by_their_columns(tmp_path: Path, command: Command) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    lines(folder / "orders.csv", "customer_id,product_id,order_date", "1,2,2024-01-01", "1,3,2024-01-02")
    lines(folder / "products.csv", "product_id,product_name,price", "2,Tea,3", "3,Cup,4")
    lines(folder / "customers.csv", "customer_id,town", "1,Bath", "2,Ely")
    lines(folder / "trust.csv", "user_id,trustee_id", "1,2", "2,1")
    (folder / "README.md").write_text("notes")
    assert command("shop") == 0
    tables = read(ingest(tmp_path), tmp_path)
    assert tables.items.to_pylist()[0] == {"item_id": "2", "title": "Tea", "price": "3"}
    assert tables.users.to_pylist()[0] == {"user_id": "1", "town": "Bath"}
    assert tables.social.num_rows == 2


def test_two_logs_of_different_makes_are_not_guessed_between(
    tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(tmp_path / "ratings.csv", "userId,movieId,rating,timestamp", "1,2,4.5,964982703")
    lines(tmp_path / "tags.csv", "userId,movieId,tag,timestamp", "1,2,fun,964982703")
    assert command("ratings.csv", "tags.csv") == 1
    assert "--role tags.csv=ignore" in capsys.readouterr().err
    assert command("ratings.csv", "tags.csv", "--role", "tags.csv=ignore") == 0
    assert [spec.file for spec in ingest(tmp_path).files] == ["ratings.csv"]


def test_every_other_format_is_known_by_its_contents(tmp_path: Path, command: Command) -> None:
    recbole(tmp_path / "shop.inter")
    parquet(tmp_path / "log.bin")
    lines(tmp_path / "log.txt", '{"reviewerID": "a", "asin": "b", "overall": 5, "unixReviewTime": 1393545600}')
    sqlite(tmp_path / "shop.db")
    expected = {"shop.inter": ("files", "recbole"), "log.bin": ("files", "parquet"), "log.txt": ("files", "jsonl")}
    for name, due in expected.items():
        assert command(name) == 0
        assert (ingest(tmp_path).source, ingest(tmp_path).format) == due
        assert read(ingest(tmp_path), tmp_path).interactions.num_rows


def test_a_database_with_one_log_gets_its_query(
    tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    sqlite(tmp_path / "shop.db")
    assert command("shop.db") == 1
    assert "log: who, what, at, stars" in capsys.readouterr().err
    import sqlite3

    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE orders AS SELECT who AS customer_id, what AS sku, at * 1000 AS ts FROM log")
    assert command("shop.db") == 0
    params = ingest(tmp_path)
    assert params.sql is not None
    assert params.sql.timestamp_unit == "ms"
    assert read(params, tmp_path).interactions["timestamp"].to_pylist()[0] == 1_600_000_000


def test_at_a_terminal_it_asks_and_takes_the_answer(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines(tmp_path / "log.csv", "9,5", "8,6")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    answers = iter(["perhaps", "2", ""])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    assert command("log.csv") == 0
    assert ingest(tmp_path).files[0].columns == {"user_id": "1", "item_id": "0"}


def test_idle_big_files_in_the_folder_are_warned_about(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(init, "IDLE_BYTES", 10)
    folder = tmp_path / "shop"
    folder.mkdir()
    lines(folder / "log.csv", "user_id,item_id", "1,2")
    (folder / "notes.md").write_text("long" * 100)
    assert command("shop") == 0
    assert "DVC hashes the whole folder" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.csv",), "nowhere.csv does not exist"),
        (("log.csv", "--column", "user"), "NAME=COLUMN is due"),
        (("log.csv", "--column", "user_id=who"), "no such column"),
        (("log.csv", "--role", "x.csv=items"), "'x.csv', which is not among"),
        (("log.csv", "--role", "log.csv=thing"), "'thing' is unknown"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_written(
    tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str], words: Sequence[str], said: str
) -> None:
    lines(tmp_path / "log.csv", "user_id,item_id", "1,2")
    assert command(*words) == 1
    assert said in capsys.readouterr().err
    assert (tmp_path / "params.yaml").read_text() == PARAMS


def test_without_parameters_a_file_is_made(tmp_path: Path, command: Command) -> None:
    (tmp_path / "params.yaml").unlink()
    lines(tmp_path / "log.csv", "user_id,item_id", "1,2")
    assert command("log.csv") == 0
    assert (ingest(tmp_path).source, split(tmp_path).method) == ("files", "random")


REAL = {
    "ml-100k": ((), 100_000),
    "gowalla": ((), 1_027_370),
    "lastfm_lightgcn": (("--column", "user_id=0", "--column", "item_id=1", "--column", "weight=2"), 52_668),
    "ciao": ((), 33_175),
    "retailrocket": (("--event", "test.tsv=buy"), 99_555),
    "amazon-musical-instruments": ((), 10_261),
}


@pytest.mark.parametrize("name", sorted(REAL))
def test_real_folders_are_understood(tmp_path: Path, command: Command, mirror: Path, name: str) -> None:
    options, rows = REAL[name]
    assert command(mirror / name, *options) == 0
    assert read(ingest(tmp_path), tmp_path).interactions.num_rows == rows


def test_what_init_writes_can_be_read_from_the_files_it_names(tmp_path: Path, command: Command) -> None:
    lines(tmp_path / "train.txt", "0 5 7 9", "1 5")
    lines(tmp_path / "test.txt", "0 8", "1 7 9 10")
    assert command("train.txt", "test.txt") == 0
    assert read_files(tmp_path, path=".", format="lightgcn").interactions.num_rows == 8
    assert read(ingest(tmp_path), tmp_path).interactions.num_rows == 8


def test_options_may_hold_for_one_file_only(tmp_path: Path, command: Command) -> None:
    lines(tmp_path / "ratings.dat", "1::10::5::978300760", "2::11::3::978300761")
    lines(tmp_path / "movies.txt", "10|Tea, Cup|a", "11|Pot, Cup|b")
    words = ("ratings.dat", "movies.txt", "--column", "user_id=0", "--column", "item_id=1", "--column", "weight=2")
    assert command(*words) == 1
    side = ("--delimiter", "movies.txt=|", "--header", "movies.txt=no", "--role", "movies.txt=items")
    assert command(*words, *side, "--column", "movies.txt:item_id=0", "--column", "movies.txt:title=1") == 0
    tables = read(ingest(tmp_path), tmp_path)
    assert tables.items["title"].to_pylist() == ["Tea, Cup", "Pot, Cup"]
    assert tables.interactions["weight"].to_pylist() == [5.0, 3.0]


def shop(root: Path) -> None:
    """A shop whose columns have names that nobody can know."""
    folder = root / "shop"
    folder.mkdir()
    lines(folder / "artikel.csv", "Artikel;Titel", "01;Größe klein", "02;Hut", "03;Schal")
    rows = ("Jörg 7;01;view;2023-08-17T06:58:23Z", "007;02;buy;2023-09-17T06:58:23Z", "7;03;cart;2023-10-17T06:58:23Z")
    lines(folder / "log.csv", "Kunde;Artikel;Aktion;Zeitpunkt", *rows)


def test_times_and_events_are_seen_by_their_values_and_asked_about(
    tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    shop(tmp_path)
    assert command("shop", "--column", "user_id=Kunde", "--column", "item_id=Artikel") == 1
    said = capsys.readouterr().err
    assert "--column timestamp=Zeitpunkt" in said
    assert "--column event=Aktion" in said
    assert (tmp_path / "params.yaml").read_text() == PARAMS


def test_a_column_that_was_named_once_is_known_in_the_other_files(tmp_path: Path, command: Command) -> None:
    shop(tmp_path)
    named = ("user_id=Kunde", "item_id=Artikel", "event=Aktion", "timestamp=Zeitpunkt", "title=Titel")
    assert command("shop", *[word for column in named for word in ("--column", column)]) == 0
    columns = {spec.role: spec.columns for spec in ingest(tmp_path).files}
    assert columns["items"] == {"item_id": "Artikel", "title": "Titel"}
    assert columns["interactions"] | {"timestamp": "Zeitpunkt", "event": "Aktion"} == columns["interactions"]
    assert split(tmp_path).method == "per_user_temporal"
