"""From a person's own files to an ``ingest`` section; what cannot be known is asked, never assumed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recsmith.config.ingest import FileSpec
from recsmith.errors import UserError
from recsmith.sources import guess_database, guess_file, guess_roles, recbole
from recsmith.sources.guess_file import Ask, Hints
from recsmith.sources.look import look
from recsmith.tables import columns as c

NO_DATA = (".md", ".html", ".pdf", ".py", ".zip", ".log", ".yaml", ".yml")
Shown = Callable[[Path], str]


@dataclass
class Guess:
    """What was found out: the section to write, and what a person should be told."""

    where: Path
    """The file or folder that ``ingest.path`` names."""
    files: list[Path]
    """The files that are read."""
    ingest: dict[str, Any]
    split: dict[str, str] = field(default_factory=dict)
    """Keys of ``split`` that these data need."""
    said: list[str] = field(default_factory=list)


def guess(paths: Sequence[Path], hints: Hints, ask: Ask, shown: Shown) -> Guess:
    """Look at files, or the files of one folder, and say how to read them.

    ``ask`` answers what the files do not say; ``shown`` is how a path is written into the parameters. Raises UserError
    where nothing can be read.
    """
    files, where = _files(paths)
    looks = [look(path) for path in files]
    if any(seen.format == "recbole" for seen in looks):
        return _recbole(where, shown)
    if len(files) == 1 and guess_database.is_database(files[0]):
        return Guess(where, files, guess_database.section(files[0], shown(where), ask))
    said: list[str] = []
    _known_files(files, hints)
    looks = [guess_file.understood(seen, hints, ask) for seen in looks if hints.roles.get(seen.path.name) != "ignore"]
    roles = guess_roles.roles(looks, hints, ask, said)
    events = guess_roles.events(
        {seen.path: roles[seen.path] for seen in looks if seen.path in roles}, looks, hints, ask
    )
    specs = []
    for seen in looks:
        if seen.path in roles:
            spec = guess_file.spec(seen, roles[seen.path], _name(seen.path, where), hints, ask, said)
            specs.append(spec.model_copy(update={"event": events.get(seen.path)}))
    return Guess(where, list(roles), _section(shown(where), specs), needed_split(specs), said)


def _known_files(files: Sequence[Path], hints: Hints) -> None:
    names = [path.name for path in files]
    for name in hints.files():
        if name not in names:
            raise UserError(f"an option names the file {name!r}, which is not among: {', '.join(names)}.")
    for role in hints.roles.values():
        guess_roles.checked(role)


def _files(paths: Sequence[Path]) -> tuple[list[Path], Path]:
    """The files to look at, and the file or folder that becomes ``ingest.path``."""
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} does not exist.")
    if len(paths) == 1 and paths[0].is_file():
        return [paths[0]], paths[0]
    files = [file for path in paths for file in (_inside(path) if path.is_dir() else [path])]
    if not files:
        raise UserError(f"{', '.join(map(str, paths))}: there is no file to look at.")
    return files, Path(os.path.commonpath([path.parent.absolute() for path in files]))


def _inside(folder: Path) -> list[Path]:
    """A folder's files that may be data."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    return [path for path in files if path.suffix not in NO_DATA and path.stat().st_size]


def _name(path: Path, where: Path) -> str:
    """The file as ``ingest.files`` names it: empty where it is ``ingest.path`` itself."""
    return "" if path == where else str(path.absolute().relative_to(where.absolute()))


def _recbole(where: Path, shown: Shown) -> Guess:
    """A folder of atomic files is read whole; a single one alone."""
    specs = recbole.found(where)
    files = [where / spec.file if spec.file else where for spec in specs]
    said = [f"{path.name}: RecBole atomic file, role {spec.role}." for path, spec in zip(files, specs, strict=True)]
    beside = [path.name for path in where.parent.glob(f"{where.stem}.*") if path != where] if where.is_file() else []
    if beside:
        said.append(f"Beside it lie {', '.join(sorted(beside))}; name the folder to read them too.")
    section = {"source": "files", "path": shown(where), "format": "recbole"}
    return Guess(where, files, section, needed_split(specs, untimed=False), said)


def _section(path: str, specs: list[FileSpec]) -> dict[str, Any]:
    """The ``ingest`` section: one format for all files where they agree, named per file where they do not."""
    formats = {spec.format for spec in specs}
    common = specs[0].format
    files = []
    for spec in specs:
        entry = spec.model_dump(exclude_defaults=True, mode="json")
        if len(formats) == 1 or spec.format == common:
            entry.pop("format", None)
        if entry.get("delimiter") == "\t":
            entry["delimiter"] = "\\t"
        files.append(entry)
    return {"source": "files", "path": path, "format": common, "files": files}


def needed_split(specs: Sequence[FileSpec], *, untimed: bool = True) -> dict[str, str]:
    """What ``split`` must say for these files: a given split, no times to split by, the one event that test holds."""
    roles = {spec.role for spec in specs}
    told = [spec for spec in specs if spec.role in ("interactions", *c.SPLITS)]
    if "test" in roles:
        tested = {spec.event for spec in told if spec.role == "test"}
        learnt = {spec.event for spec in told if spec.role == "train"}
        event = next(iter(tested)) if len(tested) == 1 and len(learnt) > 1 else None
        return {"method": "given"} | ({"target_event": event} if event else {})
    if untimed and not any(c.TIMESTAMP in spec.columns for spec in told):
        return {"method": "random"}
    return {}
