"""The incumbent: the champion as it entered the line with the last batch. What training starts from, and its rival."""

from __future__ import annotations

import shutil
from pathlib import Path

from recsmith.config.base import Section, parse
from recsmith.errors import UserError
from recsmith.files import read_json, replacing, write_json
from recsmith.model.architecture import Architecture, architecture

NAME = "incumbent.json"
BUNDLE = "bundle"


class Incumbent(Section):
    """What ``incumbent.json`` holds; version 0: there is none."""

    version: int = 0
    digest: str | None = None
    """Of its bundle."""
    events: str | None = None
    """Of the event log that it entered for."""


def read_incumbent(folder: Path) -> Incumbent:
    """The incumbent in ``folder``; version 0 where there is none."""
    path = folder / NAME
    return parse(read_json(path), Incumbent, str(path)) if path.exists() else Incumbent()


def ensure(folder: Path) -> None:
    """Make ``folder`` say that there is no incumbent, where it is not there at all and is not versioned."""
    if (folder / NAME).exists():
        return
    versioned = folder.with_name(folder.name + ".dvc")
    if versioned.exists():
        raise UserError(
            f"{folder} is missing, and {versioned} says what it holds: bring it with `dvc pull {versioned}`."
        )
    write_json(folder / NAME, Incumbent().model_dump(mode="json"))


def enter(folder: Path, version: Path | None, incumbent: Incumbent) -> None:
    """Let the files of a champion's ``version`` (None: there is none) be the incumbent, at once or not at all."""
    with replacing(folder) as aside:
        if version is None:
            aside.mkdir()
        else:
            shutil.copytree(version, aside)
        write_json(aside / NAME, incumbent.model_dump(mode="json"))


def last_winner(folder: Path) -> Architecture | None:
    """The architecture that the incumbent's search ended with; None where there is no incumbent."""
    if read_incumbent(folder).version == 0:
        return None
    path = folder / "best.json"
    return architecture(read_json(path).get("architecture"), f"{path}: architecture")
