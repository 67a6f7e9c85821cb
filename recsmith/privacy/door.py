"""What ``ingest.privacy`` asks for, done to the canonical tables before anything is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa

from recsmith.config.ingest import Privacy
from recsmith.errors import UserError, unknown
from recsmith.privacy.keys import from_environment
from recsmith.privacy.pseudonyms import Pseudonyms
from recsmith.privacy.tombstones import Tombstones
from recsmith.sources.arrow import pc
from recsmith.sources.contract import SCHEMAS, Tables
from recsmith.tables import columns as c

DAY = 86_400
PEOPLE = {"interactions": (c.USER,), "users": (c.USER,), "social": (c.SOURCE_USER, c.TARGET_USER)}
"""Table -> columns that hold user ids."""


def guard(tables: Tables, privacy: Privacy, tombstones: Tombstones) -> tuple[Tables, dict[str, Any]]:
    """The tables as they may be stored, and what was done, counted; empty where nothing was asked for.

    Columns go first, then people who are forgotten, then what is too old, then the ids. The key is asked for only where
    it is needed; UserError says so, or names a column that is not there.
    """
    done: dict[str, Any] = {}
    tables = _without_columns(tables, privacy, done)
    pseudonyms = _maker(privacy) if privacy.pseudonyms or tombstones else None
    if pseudonyms is not None:
        tables = _without_forgotten(tables, tombstones, pseudonyms, done)
    if privacy.retain_days is not None:
        tables = _within(tables, privacy.retain_days, done)
    if pseudonyms is not None and privacy.pseudonyms:
        tables = _renamed(tables, pseudonyms)
        done["pseudonyms"] = {"key": pseudonyms.key.fingerprint, "people": len(_people(tables))}
    return tables, done


def _maker(privacy: Privacy) -> Pseudonyms:
    why = (
        "params.yaml: ingest.privacy.pseudonyms needs a key."
        if privacy.pseudonyms
        else "There are forgotten people, and only the key recognises them."
    )
    first = privacy.pseudonyms and privacy.key_fingerprint is None
    made = Pseudonyms(from_environment(privacy.key_variable, why, first=first))
    if privacy.key_fingerprint is not None:
        made.check(privacy.key_fingerprint, "params.yaml: ingest.privacy.key_fingerprint asks for pseudonyms")
    return made


def _without_columns(tables: Tables, privacy: Privacy, done: dict[str, Any]) -> Tables:
    dropped = {"users": privacy.drop.users, "items": privacy.drop.items}
    for name, columns in dropped.items():
        tables = replace(tables, **{name: _without(getattr(tables, name), name, columns)})
    if any(dropped.values()):
        done["dropped_columns"] = {name: sorted(columns) for name, columns in dropped.items() if columns}
    return tables


def _without(table: pa.Table, name: str, columns: tuple[str, ...]) -> pa.Table:
    """``table`` without ``columns``; a column that this kind of table always has is emptied instead."""
    key = table.column_names[0]
    for number, column in enumerate(columns):
        if column == key or column not in table.column_names:
            known = set(table.column_names) - {key}
            raise unknown(f"params.yaml: ingest.privacy.drop.{name}[{number}]", column, known)
        place = table.column_names.index(column)
        if column in SCHEMAS[name].names:
            table = table.set_column(place, column, pa.nulls(table.num_rows, table.schema.field(column).type))
        else:
            table = table.remove_column(place)
    return table


def _people(tables: Tables) -> pa.Array:
    """Every user id once, wherever it stands."""
    chunks = [chunk for name, keys in PEOPLE.items() for key in keys for chunk in getattr(tables, name)[key].chunks]
    return pc.unique(pa.chunked_array(chunks, pa.string()).drop_null())


def _without_forgotten(tables: Tables, tombstones: Tombstones, maker: Pseudonyms, done: dict[str, Any]) -> Tables:
    tombstones.check(maker)
    if not tombstones:
        return tables
    forgotten = tombstones.among(_people(tables).to_pylist(), maker)
    left = without_people(tables, pa.array(forgotten, pa.string()))
    rows = tables.interactions.num_rows - left.interactions.num_rows
    done["forgotten"] = {"people": len(forgotten), "interactions": rows}
    return left


def without_people(tables: Tables, people: pa.Array) -> Tables:
    """The tables without every row that names one of ``people``."""
    return replace(
        tables, **{name: _rows_without(getattr(tables, name), keys, people) for name, keys in PEOPLE.items()}
    )


def _rows_without(table: pa.Table, keys: tuple[str, ...], people: pa.Array) -> pa.Table:
    for key in keys:
        table = table.filter(pc.invert(pc.is_in(table[key], value_set=people)))
    return table


def _within(tables: Tables, days: int, done: dict[str, Any]) -> Tables:
    """Events of the last ``days`` before the newest one (events without a time stay), and the people they are of."""
    times = tables.interactions[c.TIMESTAMP]
    newest = pc.max(times).as_py()
    if newest is None:
        raise UserError("params.yaml: ingest.privacy.retain_days needs times, and no interaction has one.")
    first = newest - days * DAY
    kept = tables.interactions.filter(pc.fill_null(pc.greater_equal(times, first), True))
    gone = _only_in(tables.interactions[c.USER], kept[c.USER])
    left = without_people(replace(tables, interactions=kept), gone)
    rows = tables.interactions.num_rows - kept.num_rows
    done["retention"] = {"days": days, "first": first, "newest": newest, "interactions": rows, "people": len(gone)}
    return left


def _only_in(before: pa.ChunkedArray, after: pa.ChunkedArray) -> pa.Array:
    everyone = pc.unique(before.drop_null())
    return everyone.filter(pc.invert(pc.is_in(everyone, value_set=pc.unique(after))))


def _renamed(tables: Tables, maker: Pseudonyms) -> Tables:
    known = _people(tables)
    made = pa.array([maker.of(name) for name in known.to_pylist()], pa.string())
    return replace(tables, **{name: _mapped(getattr(tables, name), keys, known, made) for name, keys in PEOPLE.items()})


def named(table: pa.Table, privacy: Privacy) -> pa.Table:
    """One table for the event log: pseudonyms in the place of user ids where ``privacy`` asks for them.

    Ingest leaves them as they are. UserError where the key is missing or another one.
    """
    if not privacy.pseudonyms:
        return table
    maker, held = _maker(privacy), set(table.column_names)
    for key in sorted(held & {key for keys in PEOPLE.values() for key in keys}):
        known = pc.unique(table[key].drop_null())
        made = pa.array([maker.of(name) for name in known.to_pylist()], pa.string())
        table = _mapped(table, (key,), known, made)
    return table


def _mapped(table: pa.Table, keys: tuple[str, ...], known: pa.Array, made: pa.Array) -> pa.Table:
    for key in keys:
        rows = pc.index_in(table[key], value_set=known).combine_chunks()
        table = table.set_column(table.column_names.index(key), key, made.take(rows))
    return table
