"""LightGCN text: ``user item item ...`` a line, split given as train.txt, test.txt and perhaps valid.txt.

Such files hold no times, but many were written from logs in the order of time, which then shows in the lists: they are
not sorted by item. Of such lists the place of every item is kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from recsmith.config.ingest import FileSpec, Ingest, Role
from recsmith.errors import UserError
from recsmith.sources import places
from recsmith.sources.canonical import Raw, canonical
from recsmith.sources.contract import Tables, merged
from recsmith.tables import columns as c

SHORTEST = 3
"""Items of the shortest list that says something about order; shorter ones are sorted by chance too often."""
NAMES: dict[str, Role] = {"train.txt": "train", "valid.txt": "valid", "val.txt": "valid", "test.txt": "test"}


def read(params: Ingest, root: Path) -> Tables:
    """The files that are named, or train.txt, test.txt and valid.txt of the folder."""
    where = places.base(params, root)
    specs = params.files or found(where)
    parts = []
    for spec in specs:
        path, shown = places.located(where, params.path, spec)
        parts.append(_tables(path, shown, spec))
    return merged(parts)


def found(where: Path) -> tuple[FileSpec, ...]:
    """The files of the folder by their names; a single file is interactions without a split."""
    if where.is_file():
        return (FileSpec(),)
    specs = tuple(FileSpec(file=name, role=role) for name, role in NAMES.items() if (where / name).is_file())
    if {"train", "test"} - {spec.role for spec in specs}:
        raise UserError(
            f"{where.name}: train.txt and test.txt are due (LightGCN text). It holds: {places.listed(where)}."
        )
    return specs


def _tables(path: Path, shown: str, spec: FileSpec) -> Tables:
    """Interactions of one file; everyone with a line is in ``users``, with or without items."""
    lines = list(_lines(path, shown))
    check(lines, shown)
    counts = [len(line) - 1 for line in lines]
    users = [line[0] for line in lines]
    owner = pa.array(users, pa.string()).take(pa.array(_repeat(counts), pa.int64()))
    items = pa.array([item for line in lines for item in line[1:]], pa.string())
    raw = Raw(pa.table({c.USER: owner, c.ITEM: items}), shown)
    people = pa.table({c.USER: pa.array(sorted({u for u, n in zip(users, counts, strict=True) if not n}), pa.string())})
    found = canonical(raw, spec)
    if not _ordered(lines):
        return merged([found, Tables(users=people)])
    at = found.interactions.schema.get_field_index(c.POSITION)
    placed = found.interactions.set_column(at, c.POSITION, pa.array(_places(users, counts), pa.int64()))
    note = (
        f"{Path(shown).name}: lists are not sorted by item, so their order is kept; `given` splits carve valid by it."
    )
    return merged([replace(found, interactions=placed, notes=(*found.notes, note)), Tables(users=people)])


def _repeat(counts: list[int]) -> list[int]:
    return [row for row, count in enumerate(counts) for _ in range(count)]


def _ordered(lines: list[list[str]]) -> bool:
    """Whether the order of items says anything: fewer than half of the lists are sorted by item."""
    lists = [line[1:] for line in lines if len(line) > SHORTEST]
    in_order = sum(items == sorted(items, key=_number) for items in lists)
    return 2 * in_order < len(lists)


def _number(word: str) -> tuple[int, str]:
    return (int(word), "") if word.isdecimal() else (-1, word)


def _places(users: list[str], counts: list[int]) -> list[int]:
    """Place of each item in its user's list; a further line of the same user goes on where the last one ended."""
    ends: dict[str, int] = {}
    places: list[int] = []
    for user, count in zip(users, counts, strict=True):
        start = ends.get(user, 0)
        places.extend(range(start, start + count))
        ends[user] = start + count
    return places


def _lines(path: Path, shown: str) -> Iterator[list[str]]:
    try:
        with path.open(encoding="utf-8-sig") as handle:
            for line in handle:
                words = line.split()
                if words:
                    yield words
    except UnicodeDecodeError as error:
        raise UserError(f"{shown} is not text (UTF-8), so it is not LightGCN text.") from error


def check(lines: list[list[str]], shown: str) -> None:
    """Refuse what only looks like LightGCN text: ``user item count`` rows, commas, a header."""
    if not lines:
        raise UserError(f"{shown} holds no line of text.")
    start = " ".join(lines[0])[:80]
    if any("," in word or ";" in word for word in lines[0]):
        raise UserError(
            f"{shown} is not LightGCN text ('user item item ...'): its first line is {start!r}. Is it delimited?"
        )
    if not lines[0][0].isdigit() and all(line[0].isdigit() for line in itertools.islice(lines, 1, None)):
        raise UserError(f"{shown}: the first line, {start!r}, looks like a header; LightGCN text has none.")
    widths = {len(line) for line in lines}
    users = {line[0] for line in lines}
    if len(widths) == 1 and widths <= {3, 4, 5} and len(users) < len(lines):
        raise UserError(_one_row_each(shown, start, widths.pop()))


def _one_row_each(shown: str, start: str, width: int) -> str:
    columns = "{user_id: 0, item_id: 1, weight: 2}"
    return (
        f"{shown} is not LightGCN text: every line has {width} values and users come back (first line {start!r}), "
        "so these are rows such as 'user item count', not 'user item item ...'. Say format: delimited, header: false "
        f"and columns: {columns} in params.yaml: ingest, or let `recsmith init` write it."
    )
