"""RecBole atomic files: ``*.inter .user .item .kg .link .net`` with headers such as ``user_id:token``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from recsmith.config.ingest import FileSpec, Ingest, Role
from recsmith.errors import UserError
from recsmith.sources import delimited, places, sniff
from recsmith.sources.arrow import pc
from recsmith.sources.canonical import Raw, canonical
from recsmith.sources.contract import Tables, merged
from recsmith.tables import columns as c

ROLES: dict[str, Role] = {
    ".inter": "interactions",
    ".user": "users",
    ".item": "items",
    ".net": "social",
    ".kg": "knowledge",
}
PARTS: dict[str, Role] = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}
COLUMNS = {
    "interactions": {c.WEIGHT: ("rating", "label")},
    "items": {c.TITLE: ("title", "movie_title", "item_title", "name", "item_name")},
    "social": {c.SOURCE_USER: ("source_id", "source_user_id"), c.TARGET_USER: ("target_id", "target_user_id")},
    "knowledge": {c.HEAD: ("head_id",), c.RELATION: ("relation_id",), c.TAIL: ("tail_id",)},
}
"""Canonical name -> RecBole's own names for it, best first."""


def read(params: Ingest, root: Path) -> Tables:
    """The files that are named, or all atomic files of the folder; where ``params.path`` is a file, that one alone."""
    where = places.base(params, root)
    links = _links(where) if where.is_dir() else None
    parts = []
    for spec in params.files or found(where):
        path, shown = places.located(where, params.path, spec)
        raw, full = _load(path, shown, spec)
        parts.append(canonical(_linked(raw, links) if full.role == "knowledge" else raw, full))
    return merged(parts)


def found(where: Path) -> tuple[FileSpec, ...]:
    """The atomic files of one data set by their names, ``*.train.inter`` and so on as a given split.

    UserError where there is none, or where several data sets lie side by side.
    """
    if where.is_file():
        return (FileSpec(),)
    paths = [path for path in sorted(where.iterdir()) if path.suffix in ROLES]
    inter = [path for path in paths if path.suffix == ".inter"]
    names = {_stem(path) for path in inter}
    if len(names) != 1:
        raise UserError(_not_one(where, inter))
    specs = [FileSpec(file=path.name, role=_role(path)) for path in paths if _stem(path) in names]
    split = any(spec.role in c.SPLITS for spec in specs)
    return tuple(spec for spec in specs if not (split and spec.role == "interactions"))


def _not_one(folder: Path, inter: Sequence[Path]) -> str:
    if not inter:
        return f"{folder.name} has no *.inter file (RecBole's interactions). It holds: {places.listed(folder)}."
    names = ", ".join(path.name for path in inter)
    return f"{folder.name} holds several data sets: {names}. Name one in params.yaml: ingest.path or ingest.files."


def _part(path: Path) -> Role | None:
    pieces = path.name.split(".")
    return PARTS.get(pieces[-2]) if len(pieces) > 2 else None


def _stem(path: Path) -> str:
    stem = path.name.removesuffix(path.suffix)
    return stem.rsplit(".", 1)[0] if path.suffix == ".inter" and _part(path) else stem


def _role(path: Path) -> Role:
    return (path.suffix == ".inter" and _part(path)) or ROLES[path.suffix]


def _load(path: Path, shown: str, spec: FileSpec) -> tuple[Raw, FileSpec]:
    """The file with its types cut off the names, and the spec with the columns that RecBole's names imply."""
    lines = sniff.sample(path, spec.encoding, shown)
    delimiter = spec.delimiter or _delimiter(lines[0] if lines else "", shown)
    header = sniff.fields(lines[0], delimiter, None)
    names = [cell.rsplit(":", 1)[0].strip() for cell in header]
    table = _parsed(path, shown, spec, delimiter, names)
    role = "interactions" if spec.role in c.SPLITS else spec.role
    _no_sequences(names, shown, role)
    known = {key: next((n for n in options if n in names), None) for key, options in COLUMNS.get(role, {}).items()}
    full = {key: name for key, name in known.items() if name and key not in names} | spec.columns
    return Raw(table, shown, 2, "line"), spec.model_copy(update={"columns": full})


def _parsed(path: Path, shown: str, spec: FileSpec, delimiter: str, names: list[str]) -> pa.Table:
    """Quotes are taken as RecBole takes them, or as ordinary characters where the file is uneven otherwise."""
    try:
        return delimited.parse(path, shown, spec, delimiter, names, with_header=True)
    except UserError:
        plain = spec.model_copy(update={"quote": None})
        return delimited.parse(path, shown, plain, delimiter, names, with_header=True)


def _delimiter(line: str, shown: str) -> str:
    delimiter = sniff.typed(line)
    if delimiter:
        return delimiter
    raise UserError(
        f"{shown}: RecBole's header is due, names with types ({', '.join(sniff.KINDS)}) such as "
        f"user_id:token<tab>item_id:token; its first line is {line[:120]!r}."
    )


def _no_sequences(names: list[str], shown: str, role: str) -> None:
    if role == "interactions" and c.ITEM not in names and "item_id_list" in names:
        raise UserError(f"{shown} holds histories (item_id_list), not single interactions; give the plain .inter file.")


def _links(folder: Path) -> pa.Table | None:
    """Entity -> item, from the ``.link`` file beside the others."""
    files = sorted(folder.glob("*.link"))
    if not files:
        return None
    raw, _ = _load(files[0], files[0].name, FileSpec())
    return raw.table.select(["entity_id", c.ITEM]).group_by("entity_id").aggregate([(c.ITEM, "min")])


def _linked(raw: Raw, links: pa.Table | None) -> Raw:
    """Triples with an item's id in place of the entity that stands for it."""
    if links is None:
        return raw
    table = raw.table
    for column in ("head_id", "tail_id"):
        where = pc.index_in(table.column(column), links.column("entity_id").combine_chunks())
        named = pc.take(links.column(f"{c.ITEM}_min"), where)
        index = table.column_names.index(column)
        table = table.set_column(index, column, pc.coalesce(named, _apart(table.column(column), links)))
    return Raw(table, raw.file, raw.first, raw.word)


def _apart(column: pa.ChunkedArray, links: pa.Table) -> pa.ChunkedArray:
    """Entities that happen to be named like an item are set apart from it."""
    same = pc.is_in(column, links.column(f"{c.ITEM}_min").combine_chunks())
    return pc.if_else(same, pc.binary_join_element_wise("entity", column, ":"), column)
