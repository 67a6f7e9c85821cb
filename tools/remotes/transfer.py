"""Objects to and from a remote of DVC: what is missing on the other side, with a few tries where the network fails."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dvc.config import ConfigError
from dvc.fs import RemoteMissingDepsError
from dvc.repo import Repo
from dvc_data.hashfile.db import HashFileDB
from fsspec.callbacks import Callback

from recsmith.errors import UserError
from recsmith.output import say
from recsmith.privacy import archive
from tools.remotes import ssh
from tools.remotes.explain import Passing, Where, explained
from tools.remotes.sealed import Sealed, agreed, scratch

Way = Literal["push", "pull"]
Say = Callable[[str], None]
WAITS = (1.0, 5.0)
"""Seconds before the second and before the third try."""
BATCH = 256 << 20
PROGRESS_SECONDS = 5.0
ADD = "dvc remote add --default team ssh://USER@HOST/FOLDER"


@dataclass(frozen=True)
class Moved:
    """md5s that travelled, and those that are on neither side."""

    md5s: frozenset[str]
    nowhere: frozenset[str]


def move(root: Path, remote: str | None, way: Way, md5s: frozenset[str], say: Say) -> Moved:
    """Bring the objects ``md5s`` to the other side; what arrived stays there, whatever becomes of the rest.

    UserError names the remote, what is wrong and what to do.
    """
    for wait in (*WAITS, None):
        try:
            return _moved(root, remote, way, md5s)
        except Passing as error:
            if wait is None:
                raise UserError(f"{error} Nothing is lost: run it again then.") from error
            say(f"{way}: {error} Trying again in {wait:g} s.")
            time.sleep(wait)
            ssh.forget_connections()
    raise AssertionError("the last try returns or raises")


def _moved(root: Path, name: str | None, way: Way, md5s: frozenset[str]) -> Moved:
    with Repo(str(root)) as repo:
        where, here = remote(repo, name), repo.cache.local
        try:
            where.odb.fs.exists(where.odb.path)  # connects, once, before many threads would
            there = agreed(where) or where.odb
            return _sent(here, there, md5s) if way == "push" else _brought(here, there, md5s)
        except Exception as error:
            raise explained(error, where, pulling=way == "pull") from error


def _sent(here: HashFileDB, there: HashFileDB | Sealed, md5s: frozenset[str]) -> Moved:
    """Files first, then the listings of folders: what is listed on a remote is there."""
    if isinstance(there, Sealed):
        there.mark()
    lacking = md5s - set(there.oids_exist(sorted(md5s)))
    ours = {md5 for md5 in lacking if here.fs.exists(here.oid_to_path(md5))}
    for part in ({md5 for md5 in ours if not md5.endswith(".dir")}, {md5 for md5 in ours if md5.endswith(".dir")}):
        if isinstance(there, Sealed):
            _sealed(here, there, part)
        else:
            _copied(here, there, part, "push")
    return Moved(frozenset(ours), lacking - ours)


def _brought(here: HashFileDB, there: HashFileDB | Sealed, md5s: frozenset[str]) -> Moved:
    lacking = {md5 for md5 in md5s if not here.fs.exists(here.oid_to_path(md5))}
    theirs = set(there.oids_exist(sorted(lacking))) if lacking else set()
    if isinstance(there, Sealed):
        _opened(there, here, theirs)
    else:
        _copied(there, here, theirs, "pull")
    return Moved(frozenset(theirs), frozenset(lacking - theirs))


def _sealed(here: HashFileDB, there: Sealed, md5s: set[str]) -> None:
    for some in _batches(md5s, lambda md5: os.path.getsize(here.oid_to_path(md5))):
        with scratch() as room:
            for md5 in some:
                archive.seal(Path(here.oid_to_path(md5)), Path(room.oid_to_path(there.names.name(md5))), there.key)
            _copied(room, there.odb, set(map(there.names.name, some)), "push")


def _opened(there: Sealed, here: HashFileDB, md5s: set[str]) -> None:
    for some in _batches(md5s, there.size):
        with scratch() as room:
            _copied(there.odb, room, set(map(there.names.name, some)), "pull")
            for md5 in some:
                there.open(Path(room.oid_to_path(there.names.name(md5))), md5, Path(here.oid_to_path(md5)))


def _batches(md5s: set[str], size: Callable[[str], int]) -> Iterator[list[str]]:
    """What is sealed on its way needs room twice: not more than ``BATCH`` bytes of it at a time, or one object."""
    some, held = [], 0
    for md5 in sorted(md5s):
        if some and held + size(md5) > BATCH:
            yield some
            some, held = [], 0
        some.append(md5)
        held += size(md5)
    if some:
        yield some


def _copied(source: HashFileDB, target: HashFileDB, md5s: set[str], way: Way) -> None:
    """Raises the first error, once all others had their try."""
    errors: list[BaseException] = []
    wanted = sorted(md5s)
    target.add(
        [source.oid_to_path(md5) for md5 in wanted],
        source.fs,
        wanted,
        check_exists=False,
        callback=_Progress(way),
        on_error=lambda _, error: errors.append(error),
    )
    if errors:
        raise errors[0]


def check_remote(root: Path, name: str | None) -> None:
    """UserError where no such remote is set up, before anything is done for it."""
    with Repo(str(root)) as repo:
        remote(repo, name)


def remote(repo: Repo, name: str | None) -> Where:
    """The remote ``name``, else the default one; whatever is to happen to bytes on their way belongs here."""
    known = repo.config["remote"]
    name = name or repo.config["core"].get("remote") or (next(iter(known)) if len(known) == 1 else None)
    if not known:
        raise UserError(f"no remote is set up. Set one up: {ADD} (docs/operations.md).")
    if name is None:
        raise UserError(f"no default remote. Choose one: dvc remote default NAME. Known: {', '.join(known)}.")
    if name not in known:
        raise UserError(f"remote {name!r} is unknown. Known: {', '.join(known)}; another one: {ADD}.")
    ssh.check_hosts()
    url = known[name]["url"]
    try:
        odb = repo.cloud.get_remote_odb(name)
    except (RemoteMissingDepsError, ImportError) as error:
        raise UserError(f"remote {name!r} ({url}) needs a package: pip install dvc-{url.split(':')[0]}.") from error
    except ConfigError as error:
        raise UserError(f"remote {name!r} in .dvc/config or .dvc/config.local: {error}.") from error
    where = Where(name, url, odb)
    if odb.fs.protocol == "local":
        _mounted(where)
    return where


def _mounted(where: Where) -> None:
    """The place that is to hold the remote's folder has to be there: one that is not is likely not mounted."""
    place = Path(where.odb.path.removesuffix("/files/md5")).parent
    if not place.is_dir():
        raise UserError(f"{where} cannot be reached: {place} does not exist. Mount it, or make it, then run it again.")


class _Progress(Callback):
    """A line now and then, on a terminal and in a log alike."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self.way, self.said = way, time.monotonic()

    def relative_update(self, inc: int = 1) -> None:
        super().relative_update(inc)
        if time.monotonic() - self.said > PROGRESS_SECONDS:
            self.said = time.monotonic()
            say(f"{self.way}: {self.value:,} of {self.size or 0:,} files")
