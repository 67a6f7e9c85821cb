"""Whether what ``dvc.lock`` and ``*.dvc`` name is here byte for byte; DVC does not notice altered cache objects.

``python -m tools.intact [TARGET...]`` checks the workspace and the cache against the recorded md5s: of the stages,
paths or ``.dvc`` files that are named, else of everything. The exit status is 1 where something is damaged or nowhere
here; then it is named together with the commands that mend it.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dvc.config import Config
from ruamel.yaml import YAML

from recsmith.errors import UserError
from recsmith.files import content_md5, file_hash
from recsmith.output import say

PROGRESS_SECONDS = 5.0
Kind = Literal["object", "file", "extra", "missing"]
WORDS: dict[Kind, str] = {
    "object": "holds other bytes than its name says",
    "file": "holds other bytes than were recorded",
    "extra": "does not belong there",
    "missing": "is neither in the workspace nor in the cache",
}
SHOWN = 20


@dataclass(frozen=True)
class Out:
    """What a stage or a ``.dvc`` file says of one path; ``md5`` ends in ``.dir`` where it is a folder."""

    path: Path
    md5: str
    owner: str


@dataclass(frozen=True)
class Problem:
    """One file that is not what it should be: ``file`` lies in the workspace, or in the cache where kind is object."""

    kind: Kind
    out: Out
    file: Path


@dataclass(frozen=True)
class _Check:
    """A file that is there and the md5 that it must have."""

    kind: Kind
    out: Out
    file: Path
    md5: str


def tracked(root: Path) -> list[Out]:
    """Every out of ``dvc.lock`` and of the ``*.dvc`` files below ``root``; paths are relative to it."""
    lock = root / "dvc.lock"
    stages = (_yaml(lock).get("stages") or {}) if lock.exists() else {}
    outs = [Out(Path(out["path"]), out["md5"], name) for name, stage in stages.items() for out in _outs(stage)]
    for file in sorted(_dvc_files(root)):
        place = file.relative_to(root)
        outs += [Out(place.parent / out["path"], out["md5"], place.as_posix()) for out in _outs(_yaml(file))]
    return outs


def _outs(document: Any) -> list[Any]:
    return [out for out in document.get("outs") or () if out.get("md5")]


def _yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8")) or {}


def _dvc_files(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if not name.startswith(".")]
        yield from (Path(folder, name) for name in files if name.endswith(".dvc"))


def chosen(outs: Sequence[Out], targets: Sequence[str]) -> list[Out]:
    """The outs that ``targets`` name: owners, paths, folders above or files inside; UserError where one names none."""
    found: dict[Out, None] = {}
    for target in targets:
        matching = [out for out in outs if target == out.owner or _related(Path(os.path.normpath(target)), out.path)]
        if not matching:
            owners = ", ".join(sorted({out.owner for out in outs})) or "nothing yet"
            raise UserError(
                f"{target!r} is neither recorded nor part of what is. Known: {owners}, and paths of theirs."
            )
        found |= dict.fromkeys(matching)
    return list(found) if targets else list(outs)


def _related(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def objects(root: Path) -> Path:
    """The folder of the cache's objects, wherever ``cache.dir`` puts it."""
    folder = root / ".dvc"
    return Path(Config(str(folder))["cache"].get("dir") or folder / "cache") / "files" / "md5"


def place(store: Path, md5: str) -> Path:
    """Where the object ``md5`` lies."""
    return store / md5[:2] / md5[2:]


def problems(outs: Iterable[Out], root: Path) -> list[Problem]:
    """All that is damaged or missing of ``outs``."""
    store = objects(root)
    items = [item for out in outs for item in _found(root, store, out)]
    return [item for item in items if isinstance(item, Problem)] + _compared(
        [item for item in items if isinstance(item, _Check)]
    )


def _found(root: Path, store: Path, out: Out) -> Iterator[_Check | Problem]:
    folder = out.md5.endswith(".dir")
    return _folder(root, store, out) if folder else _single(root, store, out, out.path, out.md5)


def _single(root: Path, store: Path, out: Out, path: Path, md5: str) -> Iterator[_Check | Problem]:
    """What there is of one file: its object, the workspace's copy, or neither."""
    sides = (_Check("object", out, place(store, md5), md5), _Check("file", out, root / path, md5))
    there = [check for check in sides if check.file.is_file()]
    yield from there or [Problem("missing", out, path)]


def _folder(root: Path, store: Path, out: Out) -> Iterator[_Check | Problem]:
    """What there is of a folder, file by file where the cache knows which files belong to it."""
    listing, here = place(store, out.md5), root / out.path
    altered = listing.is_file() and f"{file_hash(listing, 'md5')}.dir" != out.md5
    if altered:
        yield Problem("object", out, listing)
    if altered or not listing.is_file():
        yield from _unlisted(here, out)
        return
    entries = {entry["relpath"]: entry["md5"] for entry in json.loads(listing.read_bytes())}
    for name, md5 in entries.items():
        yield from _single(root, store, out, out.path / name, md5)
    for name in _names(here) if here.is_dir() else ():
        if name not in entries:
            yield Problem("extra", out, out.path / name)


def _unlisted(here: Path, out: Out) -> Iterator[Problem]:
    """A folder as a whole, where the cache does not say what belongs to it."""
    if not here.is_dir():
        yield Problem("missing", out, out.path)
    elif content_md5(here) != out.md5:
        yield Problem("file", out, out.path)


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _compared(checks: Sequence[_Check]) -> list[Problem]:
    """The checks that fail. A file that several share (a link, an object of two outs) is read once."""
    known: dict[tuple[int, int], str] = {}
    stats = [check.file.stat() for check in checks]
    total, read, said = sum({(stat.st_dev, stat.st_ino): stat.st_size for stat in stats}.values()), 0, time.monotonic()
    found = []
    for check, stat in zip(checks, stats, strict=True):
        inode = (stat.st_dev, stat.st_ino)
        if inode not in known:
            known[inode] = file_hash(check.file, "md5")
            read += stat.st_size
        if known[inode] != check.md5.removesuffix(".dir"):
            found.append(Problem(check.kind, check.out, check.file))
        if time.monotonic() - said > PROGRESS_SECONDS:
            say(f"intact: {read / 1e9:.1f} of {total / 1e9:.1f} GB read", sys.stderr)
            said = time.monotonic()
    return found


def mending(found: Sequence[Problem], root: Path) -> list[str]:
    """The commands that put ``found`` right, in order."""
    damaged = sorted({_shown(problem.file, root) for problem in found if problem.kind != "missing"})
    owners = sorted({problem.out.owner for problem in found})
    lost = sorted({problem.out.owner for problem in found if problem.kind in ("object", "missing")})
    commands = [f"rm -rf {shlex.join(damaged)}"] if damaged else []
    if not lost:
        return [*commands, f"dvc checkout {shlex.join(owners)}"]
    stages = [name for name in lost if not name.endswith(".dvc")]
    again = f"   (without a remote: dvc repro {shlex.join(stages)})" if stages else ""
    return [*commands, f"make pull TARGETS={shlex.quote(' '.join(owners))}{again}"]


def _shown(file: Path, root: Path) -> str:
    absolute = root / file
    return str(absolute.relative_to(root) if absolute.is_relative_to(root) else absolute)


def told(found: Sequence[Problem], root: Path) -> str:
    """``found`` for a person: each problem, then how to mend them all."""
    lines = [f"  {_shown(one.file, root)} ({one.out.owner}: {one.out.path}) {WORDS[one.kind]}" for one in found]
    more = [f"  and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join([*lines[:SHOWN], *more, "Mend it:", *(f"  {command}" for command in mending(found, root))])


def main() -> int:
    """Check what the command line names."""
    parser = argparse.ArgumentParser("python -m tools.intact", description="Compare results and cache with their md5s.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="a stage, a path or a .dvc file (default: all)")
    args = parser.parse_args()
    root = Path.cwd()
    try:
        outs = chosen(tracked(root), args.targets)
        found = problems(outs, root)
    except UserError as error:
        sys.exit(f"intact: {error}")
    except OSError as error:
        sys.exit(f"intact: {error.filename}: {error.strerror}. Is something else writing there?")
    if found:
        say(f"intact: {len(found)} damaged or missing.\n{told(found, root)}")
        return 1
    say(f"intact: {len(outs)} outs are what was recorded.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
