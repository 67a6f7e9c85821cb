"""Changing a parameter file where it must change, every other byte (comments too) left as it is."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from recsmith.errors import UserError

SCALAR = re.compile(r"'[^']*'|\"[^\"]*\"|[^\s,}#]+")


def with_section(text: str, name: str, value: dict[str, Any]) -> str:
    """``text`` with section ``name`` replaced by ``value`` (added at the end where there is none)."""
    lines = text.splitlines(keepends=True)
    place = _place(text, name)
    new = dumped({name: value})
    if place is None:
        gap = "" if not lines else "\n" if text.endswith("\n") else "\n\n"
        return text + gap + new
    start, end = place
    return "".join(lines[:start]) + new + "".join(lines[end:])


def with_key(text: str, section: str, key: str, value: str) -> str:
    """``text`` with ``section.key`` set to a plain word."""
    sections = parsed(text)
    found = sections.get(section)
    if not isinstance(found, CommentedMap) or not found:
        return with_section(text, section, {key: value})
    if key in found:
        line, column = found.lc.value(key)
        return _at(text, line, column, lambda rest: SCALAR.sub(value, rest, count=1) if rest.strip() else value)
    line, column = found.lc.key(next(iter(found)))
    if found.fa.flow_style():
        return _at(text, line, column, lambda rest: f"{key}: {value}, {rest}")
    place, lines = _place(text, section), text.splitlines(keepends=True)
    end = place[1] if place else len(lines)
    lines[end - 1] = lines[end - 1].rstrip("\n") + "\n"
    return "".join([*lines[:end], f"{' ' * column}{key}: {value}\n", *lines[end:]])


def _at(text: str, line: int, column: int, change: Any) -> str:
    lines = text.splitlines(keepends=True)
    lines[line] = lines[line][:column] + change(lines[line][column:])
    return "".join(lines)


def parsed(text: str) -> CommentedMap:
    """The sections with their places; UserError where the text is no mapping."""
    try:
        sections = YAML().load(text) or CommentedMap()
    except YAMLError as error:
        raise UserError(f"the parameter file is not valid YAML: {error}") from error
    if not isinstance(sections, CommentedMap):
        raise UserError("the parameter file holds no sections.")
    return sections


def _place(text: str, name: str) -> tuple[int, int] | None:
    """First line of a section and the line after its last; comments before the next section belong to that one."""
    sections = parsed(text)
    if name not in sections:
        return None
    lines = text.splitlines()
    start = sections.lc.key(name)[0]
    later = [sections.lc.key(other)[0] for other in sections if sections.lc.key(other)[0] > start]
    end = min(later, default=len(lines))
    while end > start + 1 and re.match(r"\s*$|#", lines[end - 1]):
        end -= 1
    return start, end


def dumped(value: dict[str, Any]) -> str:
    """Sections as YAML, small mappings inside them in one line."""
    yaml, out = YAML(), StringIO()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    styled = CommentedMap(
        {name: CommentedMap({key: _styled(inner) for key, inner in section.items()}) for name, section in value.items()}
    )
    yaml.dump(styled, out)
    return out.getvalue()


def _styled(value: Any) -> Any:
    if isinstance(value, dict):
        styled = CommentedMap({key: _styled(inner) for key, inner in value.items()})
        if value and all(not isinstance(inner, dict | list) for inner in value.values()) and len(value) <= 6:
            styled.fa.set_flow_style()
        return styled
    return CommentedSeq([_styled(inner) for inner in value]) if isinstance(value, list) else value
