"""Parameter files: YAML, read strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from recsmith.config.base import S, parse
from recsmith.errors import UserError
from recsmith.files import read_text


def read_sections(path: Path | str) -> dict[str, Any]:
    """The sections of a parameter file as plain values; UserError where it cannot be read or holds none."""
    try:
        sections = YAML(typ="safe").load(read_text(path))
    except YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(sections, dict):
        raise UserError(f"{path} holds no sections.")
    return sections


def read_section(path: Path | str, name: str, model: type[S]) -> S:
    """Section ``name`` of the parameter file at ``path`` as ``model``.

    UserError names file, key, value and what is allowed.
    """
    return parse(read_sections(path).get(name) or {}, model, f"{path}: {name}")
