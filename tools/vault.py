"""``make lock`` and ``make unlock``: data, cache and work in progress put away encrypted, and brought back.

Folder by folder, the cache first. What is put away is proven readable before the plain folder goes, and a folder is
back, whole, before its sealed file goes; both change hands by renames, so that a kill at any moment loses nothing and
the same command (or the other one) goes on from there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from flows.workspace import workspace
from recsmith import locks
from recsmith.config.ingest import Ingest
from recsmith.config.read import read_section
from recsmith.errors import UserError
from recsmith.files import read_json, remove_asides, write_json
from recsmith.output import say
from recsmith.privacy import archive
from recsmith.privacy.keys import Key, from_environment
from recsmith.privacy.sealing import CHUNK, VARIABLE
from tools.ending import ended
from tools.intact import objects, tracked
from tools.remotes.source import in_git

VAULT = locks.AWAY.parent
KEPT = {"data": ("README.md", "privacy", ".gitignore"), ".work": ("locks", "prefect", "audit", "vega.js")}
"""Folder -> what in it holds no interactions and stays."""
UP = Path(".work/prefect/address.json")
SEALED = ".sealed"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Unit:
    """A file or folder that is put away as one; all of its other forms lie in the vault."""

    root: Path
    path: Path

    @property
    def place(self) -> Path:
        """Where it is when it is not put away."""
        return self.root / self.path

    def form(self, suffix: str) -> Path:
        """``.sealed``; on the way there ``.new`` and the plain ``.gone``; on the way back ``.back`` and ``.opened``."""
        return self.root / VAULT / (quote(self.path.as_posix(), safe="") + suffix)

    def check_absent(self) -> None:
        """UserError where somebody made it again while it was away; folders without a file do not count."""
        if self.place.is_dir() and not any(path.is_file() for path in self.place.rglob("*")):
            shutil.rmtree(self.place)
        if os.path.lexists(self.place):
            raise UserError(
                f"{self.path} was made again while it is put away. Move it elsewhere or delete it, then run this again."
            )


def lock(root: Path, key: Key, say: Say) -> None:
    """Put away what holds interactions; UserError where another key has put things away here before."""
    _check(root, key)
    if (root / UP).exists():
        raise UserError("Prefect is up here: make down first.")
    write_json(root / locks.AWAY, {"format": 1, "key": key.fingerprint})
    _settle(root)
    units = list(_present(root, say))
    for number, unit in enumerate(units, start=1):
        _put_away(unit, key)
        say(f"lock: {number} of {len(units)}: {unit.path} is put away")
    say(f"lock: {len(_away(root))} folders and files lie encrypted in {VAULT}. `make unlock` brings them back.")


def unlock(root: Path, key: Key, say: Say) -> None:
    """Bring everything back; UserError where nothing is away, the key is another one, or something is in the way."""
    if not (root / locks.AWAY).exists():
        raise UserError("nothing is put away here.")
    _check(root, key)
    _settle(root)
    units = _away(root)
    for unit in units:
        unit.check_absent()
    for number, unit in enumerate(units, start=1):
        _bring_back(unit, key)
        say(f"unlock: {number} of {len(units)}: {unit.path} is back")
    shutil.rmtree(root / VAULT)
    say("unlock: all is back.")


def _check(root: Path, key: Key) -> None:
    found = read_json(root / locks.AWAY)["key"] if (root / locks.AWAY).exists() else key.fingerprint
    if found != key.fingerprint:
        raise UserError(
            f"this workspace is put away with the key {found}, and {key.variable} holds the key {key.fingerprint}. "
            f"Set {key.variable} to the key {found}."
        )


def _put_away(unit: Unit, key: Key) -> None:
    new = unit.form(".new")
    archive.seal(unit.place, new, key)
    with archive.opened(new, key) as content:
        while content.read(CHUNK):
            pass
    unit.place.rename(unit.form(".gone"))
    new.rename(unit.form(SEALED))
    _remove(unit.form(".gone"))


def _bring_back(unit: Unit, key: Key) -> None:
    back = unit.form(".back")
    archive.unseal(unit.form(SEALED), back, key, own=True)
    _on_disk(back)
    unit.form(SEALED).rename(unit.form(".opened"))
    unit.place.parent.mkdir(parents=True, exist_ok=True)
    back.rename(unit.place)
    _remove(unit.form(".opened"))


def _settle(root: Path) -> None:
    """Finish or undo what was interrupted: afterwards a unit is at its place or sealed. UserError where it is both."""
    remove_asides(root / VAULT)
    names = {path.name.rpartition(".")[0] for path in (root / VAULT).iterdir() if path.name != locks.AWAY.name}
    for unit in (Unit(root, Path(unquote(name))) for name in sorted(names)):
        if unit.form(".gone").exists() and unit.form(".new").exists():
            unit.form(".new").rename(unit.form(SEALED))
        if unit.form(".opened").exists() and unit.form(".back").exists():
            unit.check_absent()
            unit.form(".back").rename(unit.place)
        for suffix in (".new", ".gone", ".back", ".opened"):
            _remove(unit.form(suffix))
        if unit.form(SEALED).exists():
            unit.check_absent()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _on_disk(path: Path) -> None:
    """Wait until the disk has it: what it was made from is deleted next."""
    for file in (
        [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file() and not one.is_symlink()]
    ):
        handle = os.open(file, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _away(root: Path) -> list[Unit]:
    return [Unit(root, Path(unquote(path.stem))) for path in sorted((root / VAULT).glob(f"*{SEALED}"))]


def _present(root: Path, say: Say) -> Iterator[Unit]:
    """What there is to put away; what lies elsewhere is named and stays."""
    paths = {Path(os.path.relpath(root / path, root)) for path in _candidates(root)}
    for path in sorted(paths, key=lambda path: (path.parts[0] != ".dvc", path)):
        if not (root / path).exists() or any(path != other and path.is_relative_to(other) for other in paths):
            continue
        if (root / path).is_symlink() or not (root / path).resolve().is_relative_to(root.resolve()):
            say(f"lock: {path} lies at {(root / path).resolve()}, outside of the project, and stays as it is.")
        else:
            yield Unit(root, path)


def _candidates(root: Path) -> Iterator[Path]:
    """The cache and experiments of DVC, results, work in progress, and the source where git does not have it."""
    yield from (objects(root).parent.parent, root / ".dvc/tmp/exps")
    for folder, kept in KEPT.items():
        inside = (root / folder).iterdir() if (root / folder).is_dir() else ()
        yield from (path for path in inside if path.name not in kept and path.suffix != ".dvc")
    own = [out.path for out in tracked(root) if out.owner.endswith(".dvc")]
    source = read_section(root / "params.yaml", "ingest", Ingest).path
    own += [] if in_git(root, source) else [Path(source)]
    yield from (path for path in own if path.parts[0] not in KEPT)


def main() -> int:
    """Put away or bring back; the exit status is 1 where not all of it was."""
    parser = argparse.ArgumentParser("python -m tools.vault", description="Data, cache and work encrypted at rest.")
    parser.add_argument("way", choices=("lock", "unlock"))
    way = parser.parse_args().way

    def go() -> None:
        key = from_environment(VARIABLE, "What is put away is encrypted.", first=way == "lock")
        with workspace(way, os.environ.get("RECSMITH_RUN", "none"), "", say, away=True):
            (lock if way == "lock" else unlock)(Path.cwd(), key, say)

    return ended(way, go, "nothing is lost. Run it again to finish.")


if __name__ == "__main__":
    sys.exit(main())
