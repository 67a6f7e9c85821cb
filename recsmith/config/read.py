"""Parameter files: YAML, read strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from recsmith.config.base import S, parse
from recsmith.errors import UserError


def read_sections(path: Path | str) -> dict[str, Any]:
    """The sections of a parameter file as plain values."""
    try:
        sections = YAML(typ="safe").load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist.") from error
    except YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}).") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    if not isinstance(sections, dict):
        raise UserError(f"{path} holds no sections.")
    return sections


def read_section(path: Path | str, name: str, model: type[S]) -> S:
    """Section ``name`` of the parameter file at ``path`` as ``model``.

    UserError names file, key, value and what is allowed.
    """
    return parse(read_sections(path).get(name) or {}, model, f"{path}: {name}")
