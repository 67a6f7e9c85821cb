"""Who is forgotten: keyed hashes that recognise somebody who comes in again, and name nobody."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from recsmith.errors import UserError
from recsmith.files import read_json, write_json
from recsmith.privacy.keys import from_environment
from recsmith.privacy.pseudonyms import Pseudonyms
from recsmith.sources.arrow import pc
from recsmith.tables import columns as c


@dataclass(frozen=True)
class Tombstones:
    """The list and the fingerprint of the key that made it (None while it is empty)."""

    fingerprint: str | None = None
    people: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.people)

    def check(self, pseudonyms: Pseudonyms) -> None:
        """UserError where another key made the list."""
        if self.fingerprint is not None:
            pseudonyms.check(self.fingerprint, "The list of forgotten people holds hashes")

    def among(self, names: list[str], pseudonyms: Pseudonyms) -> list[str]:
        """Those of ``names`` who are forgotten; UserError where another key made the list."""
        self.check(pseudonyms)
        return [name for name in names if pseudonyms.tombstone(name) in self.people]

    def with_one(self, name: str, pseudonyms: Pseudonyms) -> Tombstones:
        """The list with somebody added."""
        self.check(pseudonyms)
        return Tombstones(pseudonyms.key.fingerprint, self.people | {pseudonyms.tombstone(name)})


def read(path: Path) -> Tombstones:
    """The list in a file; UserError where it is missing or no such list."""
    held = read_json(path)
    if not isinstance(held, dict) or set(held) != {"fingerprint", "people"}:
        raise UserError(f"{path} is not a list of forgotten people; restore it (git checkout {path}).")
    return Tombstones(held["fingerprint"], frozenset(held["people"]))


def within(table: pa.Table, path: Path, variable: str) -> pa.Table:
    """``table`` without rows that name people on the list in ``path`` (none where there is no such file).

    The key is asked for only where somebody is on it; UserError where it is missing or another one.
    """
    held = read(path) if path.exists() else Tombstones()
    if not held:
        return table
    pseudonyms = Pseudonyms(from_environment(variable, "There are forgotten people, and only the key recognises them."))
    for column in {c.SOURCE_USER, c.TARGET_USER} & set(table.column_names):
        known = pc.unique(table[column].drop_null()).to_pylist()
        gone = pa.array(held.among(known, pseudonyms), pa.string())
        table = table.filter(pc.invert(pc.is_in(table[column], value_set=gone)))
    return table


def write(path: Path, tombstones: Tombstones) -> None:
    """Write the list, whole or not at all."""
    write_json(path, {"fingerprint": tombstones.fingerprint, "people": sorted(tombstones.people)})
