"""A source that is replaced while it is being read gives the old contents, the new ones, or an error by name."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from recsmith.config.ingest import Ingest
from recsmith.errors import UserError
from recsmith.sources.registry import read
from recsmith.sources.steady import steady
from recsmith.tables import columns as c

Change = Callable[[Path], object]
CHANGES: dict[str, Change] = {
    "rewritten": lambda path: path.write_text("b", encoding="utf-8"),
    "appended": lambda path: path.open("a", encoding="utf-8").write("more"),
    "cut off": lambda path: os.truncate(path, 0),
    "replaced": lambda path: os.replace(beside(path), path),
    "removed": lambda path: path.unlink(),
}


def beside(path: Path) -> Path:
    other = path.with_suffix(".new")
    other.write_text("c", encoding="utf-8")
    return other


@pytest.mark.parametrize("how", CHANGES)
def test_a_changed_file_is_refused_by_name(tmp_path: Path, how: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text("a", encoding="utf-8")
    with pytest.raises(UserError, match=r"mine/log\.csv changed while it was being read"), steady(path, "mine/log.csv"):
        CHANGES[how](path)


def test_a_file_that_is_added_to_a_folder_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    with pytest.raises(UserError, match=r"data/mine/part/2\.csv changed"), steady(tmp_path, "data/mine/"):
        (tmp_path / "part/2.csv").write_text("a", encoding="utf-8")


def test_what_stays_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a", encoding="utf-8")
    with steady(tmp_path, "data"):
        assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "a"


def text(word: str, rows: int = 4000) -> str:
    return "user_id,item_id\n" + "".join(f"{word}{n % 97},{word}{n}\n" for n in range(rows))


def in_place(path: Path, word: str) -> None:
    path.write_text(text(word), encoding="utf-8")


def at_once(path: Path, word: str) -> None:
    other = path.with_suffix(".new")
    in_place(other, word)
    os.replace(other, path)


@pytest.mark.parametrize("write", [in_place, at_once])
def test_what_is_read_is_never_a_mixture(tmp_path: Path, write: Callable[[Path, str], None]) -> None:
    path, dice, outcomes = tmp_path / "log.csv", random.Random(7), []
    params = Ingest(source="files", format="delimited", path="log.csv")
    for turn in range(60):
        write(path, "a")
        writer = threading.Timer(dice.random() * 0.01, write, (path, "b"))
        writer.start()
        try:
            with steady(path, "log.csv"):
                table = read(params, tmp_path).interactions
            words = {item[0] for item in table[c.ITEM].to_pylist()}
            assert len(words) == 1, f"turn {turn}: {words}"
            assert table.num_rows == 4000, f"turn {turn}: {table.num_rows}"
            outcomes.append(words.pop())
        except UserError as error:
            outcomes.append(str(error))
        writer.join()
    refused = [outcome for outcome in outcomes if outcome not in ("a", "b")]
    assert refused
    assert all("log.csv" in reason for reason in refused)
