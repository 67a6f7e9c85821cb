"""Encrypted remotes: every object sealed under ``RECSMITH_KEY``, with a name that only the key reads.

A marker at the top of the remote holds the key's fingerprint. Encrypted objects lie apart from where DVC keeps plain
ones, so that neither is taken for the other.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dvc.fs import FileSystem
from dvc_data.hashfile.db import HashFileDB
from dvc_objects.fs.local import localfs

from recsmith.errors import UserError
from recsmith.files import file_hash, replacing
from recsmith.privacy import archive
from recsmith.privacy.keys import Key, from_environment
from recsmith.privacy.names import Names
from recsmith.privacy.sealing import VARIABLE
from tools.remotes.explain import Where

MARKER, FOLDER = "recsmith-sealed.json", "sealed"
READ_ONLY = 0o444
"""The mode of objects in DVC's cache."""


@dataclass(frozen=True)
class Sealed:
    """The objects of an encrypted remote by their md5s; ``odb`` knows them by their sealed names."""

    where: Where
    key: Key

    @cached_property
    def odb(self) -> HashFileDB:
        """Where they lie."""
        return HashFileDB(self.fs, self.fs.join(_top(self.where), FOLDER))

    @cached_property
    def names(self) -> Names:
        """md5s to sealed names and back."""
        return Names(self.key)

    @property
    def fs(self) -> FileSystem:
        """The file system of the remote."""
        return self.where.odb.fs

    @property
    def path(self) -> str:
        """The folder of all objects."""
        return self.odb.path

    def all(self) -> Iterator[str]:
        """md5s of all that is there under our key."""
        for path in self.fs.find(self.path):
            md5 = self.names.md5("".join(self.fs.parts(path)[-2:]))
            if md5 is not None:
                yield md5

    def exists(self, md5: str) -> bool:
        """Whether an object is there."""
        return self.odb.exists(self.names.name(md5))

    def oids_exist(self, md5s: Iterable[str]) -> list[str]:
        """Those of ``md5s`` that are there."""
        known = {self.names.name(md5): md5 for md5 in md5s}
        return [known[name] for name in self.odb.list_oids_exists(list(known))]

    def size(self, md5: str) -> int:
        """Bytes of an object as it lies there."""
        return self.fs.size(self.odb.oid_to_path(self.names.name(md5))) or 0

    def delete(self, md5: str) -> None:
        """Remove an object."""
        self.odb.delete(self.names.name(md5))

    def open(self, sealed: Path, md5: str, target: Path) -> None:
        """What was fetched as ``sealed`` to ``target``, whole or not at all; UserError where it is not ``md5``."""
        name = self.names.name(md5)
        with replacing(target) as aside:
            archive.unseal(sealed, aside, self.key, shown=f"{self.where}: {FOLDER}/{name[:2]}/{name[2:]}")
            if file_hash(aside, "md5") != md5.removesuffix(".dir"):
                raise UserError(
                    f"{self.where} holds something else, encrypted with our key, under the name of {md5} "
                    f"({FOLDER}/{name[:2]}/{name[2:]}). Delete it there, then whoever has it here runs `make push`."
                )
            aside.chmod(READ_ONLY)

    def get(self, md5: str, target: Path) -> None:
        """Fetch and open one object."""
        with scratch(target.parent) as room:
            sealed = Path(room.path) / "sealed"
            self.fs.get_file(self.odb.oid_to_path(self.names.name(md5)), str(sealed))
            self.open(sealed, md5, target)

    def mark(self) -> None:
        """Say on the remote whose it is, where nothing says so yet; UserError where somebody else was faster."""
        if fingerprint(self.where) is None:
            with scratch() as room:
                file = Path(room.path) / MARKER
                file.write_text(json.dumps({"format": 1, "key": self.key.fingerprint}) + "\n", encoding="utf-8")
                aside = f"{_marker(self.where)}.{os.getpid()}"
                self.fs.makedirs(_top(self.where), exist_ok=True)
                self.fs.put_file(str(file), aside)
                self.fs.mv(aside, _marker(self.where))
        _check(self.where, fingerprint(self.where), self.key)


@contextmanager
def scratch(folder: Path | None = None) -> Iterator[HashFileDB]:
    """A store for sealed objects on their way."""
    with tempfile.TemporaryDirectory(prefix="sealed-", dir=folder) as place:
        yield HashFileDB(localfs, place)


def agreed(where: Where) -> Sealed | None:
    """How to use a remote: sealed, or plainly (None).

    UserError where it is encrypted and the key is missing or another one; where there is a key and plain objects; and
    where somebody has put plain objects beside encrypted ones.
    """
    found, plain = fingerprint(where), where.odb.fs.exists(where.odb.path)
    if found is None and not os.environ.get(VARIABLE):
        return None
    if found is None and plain:
        raise UserError(
            f"{where} is not encrypted, and {VARIABLE} is set. To go on with it as it is, unset {VARIABLE}; for an "
            "encrypted one name an empty folder: dvc remote add --default NAME URL."
        )
    if plain:
        raise UserError(
            f"{where} is encrypted, and somebody has put plain objects beside (`dvc push` does). Delete "
            f"{where.odb.path} there; whoever made them runs `make push`."
        )
    return keyed(where)


def keyed(where: Where) -> Sealed:
    """The encrypted objects of a remote; UserError where the key is missing or another one."""
    found = fingerprint(where)
    key = from_environment(VARIABLE, f"{where} is encrypted with the key {found}.")
    if found is not None:
        _check(where, found, key)
    return Sealed(where, key)


def fingerprint(where: Where) -> str | None:
    """The fingerprint of the key of an encrypted remote; None where it is not encrypted (yet)."""
    fs, path = where.odb.fs, _marker(where)
    if not fs.exists(path):
        return None
    try:
        with fs.open(path, "r") as handle:
            return str(json.load(handle)["key"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{where}: {path} is damaged: it is to name the key. Bring back a good copy.") from error


def _check(where: Where, found: str | None, key: Key) -> None:
    if found != key.fingerprint:
        raise UserError(
            f"{where} is encrypted with the key {found}, and {VARIABLE} holds the key {key.fingerprint}. "
            f"Set {VARIABLE} to the key {found}."
        )


def _top(where: Where) -> str:
    """The folder of the remote; DVC keeps its objects in ``files/md5`` below it."""
    fs = where.odb.fs
    return fs.parent(fs.parent(where.odb.path))


def _marker(where: Where) -> str:
    return where.odb.fs.join(_top(where), MARKER)
