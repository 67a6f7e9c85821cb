"""Delimited text: read as told, found out where only one reading makes sense, refused with a reason otherwise."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_files import delimited, lines, read_files

from recsmith.config.base import parse
from recsmith.config.ingest import Ingest
from recsmith.errors import UserError

MOVIES = {"user_id": "0", "item_id": "1", "weight": "2", "timestamp": "3"}


def pairs(root: Path, **section: Any) -> list[tuple[str | None, str | None]]:
    table = read_files(root, **section).interactions
    return list(zip(table["user_id"].to_pylist(), table["item_id"].to_pylist(), strict=True))


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", "::", " "])
def test_the_only_delimiter_that_makes_sense_is_found(tmp_path: Path, delimiter: str) -> None:
    lines(tmp_path / "log.txt", delimiter.join(("user_id", "item_id")), delimiter.join(("a", "b")))
    assert pairs(tmp_path, path="log.txt") == [("a", "b")]


def test_columns_are_mapped_by_name_and_by_number(tmp_path: Path) -> None:
    lines(tmp_path / "named.csv", "who,what", "1,2")
    lines(tmp_path / "bare.csv", "1,2", "3,4")
    named = [{"columns": {"user_id": "who", "item_id": "what"}}]
    assert pairs(tmp_path, path="named.csv", files=named) == [("1", "2")]
    assert pairs(tmp_path, path="bare.csv", files=[{"columns": {"user_id": 1, "item_id": 0}}]) == [
        ("2", "1"),
        ("4", "3"),
    ]


def test_a_latin_1_file_with_a_double_colon_is_read_as_told(tmp_path: Path) -> None:
    (tmp_path / "movies.dat").write_bytes('1::Misérables::Drama\n2::Zoë, "live"::Comedy\n'.encode("latin-1"))
    lines(tmp_path / "ratings.dat", "1::2::5::978300760")
    items = {"file": "movies.dat", "role": "items", "columns": {"item_id": 0, "title": 1}, "encoding": "latin-1"}
    files = [
        {"file": "ratings.dat", "columns": MOVIES, "delimiter": "::", "header": False},
        {**items, "delimiter": "::", "header": False, "quote": None},
    ]
    found = read_files(tmp_path, path=".", files=files)
    assert found.items["title"].to_pylist() == ["Misérables", 'Zoë, "live"']
    assert found.items["2"].to_pylist() == ["Drama", "Comedy"]
    assert found.interactions.to_pylist()[0]["timestamp"] == 978300760


def test_windows_lines_a_byte_order_mark_quotes_and_gzip_are_understood(tmp_path: Path) -> None:
    text = '\ufeffuser_id,item_id,note\r\n"a,1","b ""x""","two\r\nlines"\r\n'
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert pairs(tmp_path, path="log.csv.gz") == [("a,1", 'b "x"')]


def test_roles_and_events_of_files_are_kept(tmp_path: Path) -> None:
    for name in ("a", "b"):
        delimited(tmp_path / f"{name}.csv")
    files = [{"file": "a.csv", "role": "train", "event": "view"}, {"file": "b.csv", "role": "test", "event": "buy"}]
    rows = read_files(tmp_path, path=".", files=files).interactions
    assert set(zip(rows["split"].to_pylist(), rows["event"].to_pylist(), strict=True)) == {
        ("train", "view"),
        ("test", "buy"),
    }


def test_event_and_split_columns_are_kept(tmp_path: Path) -> None:
    lines(tmp_path / "log.csv", "user_id,item_id,kind,split", "1,2,buy,train", "1,3,,test")
    rows = read_files(tmp_path, path="log.csv", files=[{"columns": {"event": "kind"}}]).interactions
    assert rows["event"].to_pylist() == ["buy", "interaction"]
    assert rows["split"].to_pylist() == ["train", "test"]


def test_side_tables_keep_all_columns_as_text_and_join_where_two_files_describe_the_same(tmp_path: Path) -> None:
    lines(tmp_path / "log.csv", "user_id,item_id", "1,01")
    lines(tmp_path / "titles.csv", "item_id,title,year", "01,Alien,1979", "2,,")
    lines(tmp_path / "links.csv", "item_id,imdb", "01,0078748")
    files = [{"file": "log.csv"}, {"file": "titles.csv", "role": "items"}, {"file": "links.csv", "role": "items"}]
    items = read_files(tmp_path, path=".", files=files).items.to_pylist()
    assert items == [
        {"item_id": "01", "title": "Alien", "year": "1979", "imdb": "0078748"},
        {"item_id": "2", "title": None, "year": None, "imdb": None},
    ]


REFUSED: dict[str, tuple[list[str], dict[str, Any], str]] = {
    "two delimiters make sense": (["1,2;3", "4,5;6"], {}, "more than one way.*comma.*semicolon"),
    "no delimiter makes sense": (["1,2", "3"], {}, "no delimiter"),
    "wrong delimiter": (
        ["user_id;item_id", "1;2"],
        {"delimiter": ","},
        "only one column.*'user_id;item_id'.*semicolon",
    ),
    "header or not": (["a,b", "c,d"], {"columns": {"user_id": "0", "item_id": "1"}}, "could be names or data"),
    "missing column": (["user_id,thing", "1,2"], {"header": True}, "'item_id'.*is missing.*'user_id', 'thing'"),
    "mapped column missing": (
        ["u,i", "1,2"],
        {"columns": {"user_id": "x", "item_id": "i"}},
        "'x'.*is missing.*'u', 'i'",
    ),
    "uneven line": (["user_id,item_id", "1,2", "3"], {"delimiter": ",", "header": True}, "line 3: 2 columns are due"),
    "doubled name": (["user_id,item_id,item_id", "1,2,3"], {}, "more than one column named 'item_id'"),
    "only a header": (["user_id,item_id"], {"header": True, "delimiter": ","}, "a header and no rows"),
    "text as weight": (
        ["user_id,item_id,weight", "1,2,3", "1,2,good"],
        {},
        r"log\.csv, line 3: column 'weight' holds 'good'",
    ),
    "strange split": (["user_id,item_id,split", "1,2,holdout"], {}, "split holds 'holdout'"),
    "unknown name in columns": (["user_id,item_id", "1,2"], {"columns": {"usr": "user_id"}}, "'usr'"),
    "event twice": (["user_id,item_id,e", "1,2,x"], {"event": "buy", "columns": {"event": "e"}}, "not both"),
    "another format": (["user_id:token\titem_id:token", "1\t2"], {}, "format: recbole"),
    "one more": (['{"user_id": 1, "item_id": 2}'], {}, "format: jsonl"),
    "blank": (["", " "], {}, "no line of text"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_cannot_be_read_in_one_way_is_refused_with_what_was_seen(tmp_path: Path, case: str) -> None:
    content, spec, said = REFUSED[case]
    lines(tmp_path / "log.csv", *content)
    with pytest.raises(UserError, match=said):
        read_files(tmp_path, path="log.csv", files=[spec])


def test_missing_and_empty_files_are_named_with_what_lies_beside(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    with pytest.raises(UserError, match=r"empty\.csv is empty"):
        read_files(tmp_path, path="empty.csv")
    with pytest.raises(UserError, match=r"none\.csv' does not exist"):
        read_files(tmp_path, path="none.csv")
    with pytest.raises(UserError, match=r"rating\.csv does not exist.*empty\.csv"):
        read_files(tmp_path, path=".", files=[{"file": "rating.csv"}])
    with pytest.raises(UserError, match=r"is a folder.*empty\.csv"):
        read_files(tmp_path, path=".")


@pytest.mark.parametrize("key", [{"delimiter": ""}, {"quote": "ab"}, {"encoding": "latin9000"}])
def test_settings_that_cannot_be_are_refused(key: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=rf"ingest\.files\[0\]\.{next(iter(key))}"):
        parse({"source": "files", "path": "log.csv", "files": [key]}, Ingest, "params.yaml: ingest")


def test_utf_16_is_read_as_told(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_bytes("user_id\titem_id\nZoë\t2\n".encode("utf-16"))
    assert pairs(tmp_path, path="log.txt", files=[{"encoding": "utf-16"}]) == [("Zoë", "2")]


def test_bytes_that_are_no_utf_8_ask_for_the_encoding(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes("user_id,item_id\n1,Zoë\n".encode("latin-1"))
    with pytest.raises(UserError, match="encoding: latin-1"):
        read_files(tmp_path, path="log.csv")


def test_roles_without_interactions_or_test_without_train_are_refused(tmp_path: Path) -> None:
    delimited(tmp_path / "a.csv")
    for role, said in (("items", "interactions or train is due"), ("test", "interactions or train is due")):
        with pytest.raises(UserError, match=said):
            read_files(tmp_path, path=".", files=[{"file": "a.csv", "role": role}])


def test_words_like_null_stay_ids_and_are_named(tmp_path: Path) -> None:
    lines(tmp_path / "log.csv", "user_id,item_id", "NULL,1", "2,3")
    found = read_files(tmp_path, path="log.csv")
    assert found.interactions["user_id"].to_pylist() == ["NULL", "2"]
    assert any("NULL" in note for note in found.notes)


CELLS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)
PLAIN = CELLS.filter(lambda text: text.strip() and text != "\\N")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=20))
def test_what_the_csv_module_writes_is_read_back(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    with (tmp_path / "log.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, quoting=csv.QUOTE_ALL)
        writer.writerows([("user_id", "item_id"), *rows])
    spec = {"delimiter": ",", "header": True}
    assert pairs(tmp_path, path="log.csv", files=[spec]) == rows
