"""Files are whole or absent, and what was there before is never lost to a mistake."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recsmith.cli._columns import listed
from recsmith.config.read import read_sections
from recsmith.errors import UserError
from recsmith.files import read_json, read_text, replacing, write_text


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_never_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(UserError, match="home could not be written: it is a folder"):
        write_text(tmp_path / "home", "lists")
    assert (tmp_path / "home/thesis.txt").read_text(encoding="utf-8") == "years of work"
    assert kept(tmp_path) == ["home"]


def test_a_folder_takes_the_place_of_a_folder_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_text(tmp_path / "out/old", "1")
    with replacing(tmp_path / "out") as aside:
        aside.mkdir()
        (aside / "new").write_text("2", encoding="utf-8")
    assert (kept(tmp_path), kept(tmp_path / "out")) == (["out"], ["new"])


def test_a_folder_comes_back_where_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    write_text(tmp_path / "out/old", "1")
    moved, calls = os.replace, []

    def second_fails(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        moved(source, target)

    def write() -> None:
        with replacing(tmp_path / "out") as aside:
            aside.mkdir()
            monkeypatch.setattr(os, "replace", second_fails)

    with pytest.raises(UserError, match="Input/output error"):
        write()
    assert (kept(tmp_path), kept(tmp_path / "out")) == (["out"], ["old"])


READERS: dict[str, Callable[[Path], Any]] = {
    "text": read_text,
    "JSON": read_json,
    "parameters": read_sections,
    "ids": lambda path: listed(path, "user_id", "it holds ids"),
}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_of_text_names_the_file_that_it_cannot_read_in_the_same_words(
    reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, due = READERS[reader], "; it holds ids" if reader == "ids" else ""
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    (tmp_path / "folder").mkdir()
    for name, said in (
        ("missing", f"does not exist{due}."),
        ("folder", f"is a folder{due}."),
        ("latin", f"is not UTF-8 text (unexpected end of data at byte 3){due}."),
    ):
        with pytest.raises(UserError) as told:
            read(tmp_path / name)
        assert str(told.value) == f"{tmp_path / name} {said}"

    def denied(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(UserError, match="latin cannot be read: Permission denied\\."):
        read(tmp_path / "latin")


def test_a_mark_of_byte_order_is_no_part_of_a_text_and_line_ends_stay(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xef\xbb\xbf1\r\n2\n")
    assert read_text(tmp_path / "x") == "1\r\n2\n"
