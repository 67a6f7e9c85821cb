"""The places that keep objects under their md5: the cache here, and the remotes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from dvc.repo import Repo
from dvc_data.hashfile.db import HashFileDB

from recsmith.config.ingest import FileSpec
from recsmith.privacy.person import Person
from recsmith.privacy.traces import found
from tools.forget.records import listing
from tools.remotes.explain import explained
from tools.remotes.sealed import Sealed, fingerprint, keyed
from tools.remotes.transfer import remote


@dataclass(frozen=True)
class Store:
    """One place; ``odb`` is the way to it."""

    name: str
    odb: HashFileDB | Sealed

    def md5s(self) -> set[str]:
        """Everything that is there."""
        return set(self.odb.all()) if self.odb.fs.exists(self.odb.path) else set()

    @contextmanager
    def opened(self, md5: str) -> Iterator[Path]:
        """An object as a file here."""
        if isinstance(self.odb, HashFileDB) and self.odb.fs.protocol == "local":
            yield Path(self.odb.oid_to_path(md5))
            return
        with tempfile.TemporaryDirectory(prefix="recsmith-") as folder:
            target = Path(folder) / md5
            if isinstance(self.odb, Sealed):
                self.odb.get(md5, target)
            else:
                self.odb.fs.get_file(self.odb.oid_to_path(md5), str(target))
            yield target

    def entries(self, md5: str) -> frozenset[str]:
        """The files of a folder's listing; none where it is not here."""
        if not md5.endswith(".dir") or not self.odb.exists(md5):
            return frozenset()
        with self.opened(md5) as path:
            return listing(path.read_bytes())

    def remove(self, md5s: Iterable[str]) -> int:
        """Delete objects; how many of them were there."""
        there = set(self.odb.oids_exist(sorted(md5s))) if self.odb.fs.exists(self.odb.path) else set()
        for md5 in sorted(there):
            self.odb.delete(md5)
        return len(there)


def stores(repo: Repo) -> list[Store]:
    """The cache, then every remote of the configuration; UserError where one is out of reach or has another key."""
    places = [Store("cache", repo.cache.local)]
    for name in sorted(repo.config["remote"]):
        where = remote(repo, name)
        try:
            encrypted = [Store(f"encrypted remote {name}", keyed(where))] if fingerprint(where) is not None else []
        except Exception as error:
            raise explained(error, where, pulling=True) from error
        places += [Store(f"remote {name}", where.odb), *encrypted]
    return places


def looked_into(
    places: Iterable[Store], person: Person, spec_of: Callable[[str], FileSpec | None], say: Callable[[str], None]
) -> tuple[set[str], frozenset[str]]:
    """Objects that hold the person, and objects that can hold nobody; each is looked into once, wherever it lies."""
    holders, harmless, seen = set(), set(), set()
    for store in places:
        new = sorted(store.md5s() - seen)
        say(f"looking into {len(new):,} objects of the {store.name}")
        for md5 in new:
            with store.opened(md5) as path:
                if not md5.endswith(".dir") and found(path, person, spec_of(md5)):
                    holders.add(md5)
                elif _empty(path):
                    harmless.add(md5)
        seen.update(new)
    return holders, frozenset(harmless)


def _empty(path: Path) -> bool:
    """Whether it is a table without rows: all of one kind are the same object, whatever they were made from."""
    with path.open("rb") as handle:
        if handle.read(4) != b"PAR1":
            return False
    try:
        return pq.read_metadata(path).num_rows == 0
    except (OSError, pa.ArrowException):
        return False


def without_runs(runs: Path, md5s: set[str]) -> int:
    """Delete records of the run cache that name one of ``md5s``; how many they were."""
    gone = 0
    for path in sorted(path for path in runs.rglob("*") if path.is_file()):
        if any(md5 in md5s for md5 in _words(path)):
            path.unlink()
            gone += 1
    for folder in sorted((path for path in runs.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            shutil.rmtree(folder)
    return gone


def _words(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, value = line.strip().partition(": ")
        if key == "md5":
            yield value
