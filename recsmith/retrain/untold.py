"""What whoever is on call has to be told: kept until they were, since a night may be killed before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from recsmith.files import read_json, write_json

NAME = "untold.json"
Kind = Literal["rejected", "drift"]


def read(work: Path) -> dict[Kind, dict[str, Any]]:
    """Refusals (name of the batch -> reason) and findings of drift (name -> all of it)."""
    path = work / NAME
    return read_json(path) if path.exists() else {"rejected": {}, "drift": {}}


def add(work: Path, kind: Kind, found: Mapping[str, Any]) -> None:
    """Keep what was found; of two by one name the new one."""
    said = read(work)
    write_json(work / NAME, {**said, kind: {**said[kind], **found}})


def clear(work: Path) -> None:
    """It has been told."""
    (work / NAME).unlink(missing_ok=True)
