"""Files are whole or absent, and what was there before is never lost to a mistake."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recsmith.errors import UserError
from recsmith.files import read_json, replacing, write_text


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


def test_json_that_is_no_text_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(UserError, match=r"x\.json is not UTF-8 text"):
        read_json(tmp_path / "x.json")
