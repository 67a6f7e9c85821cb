"""The person in the workspace: tables and bundles are rewritten, results are left for the next run to make again."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from recsmith.config.ingest import EVENTS, FileSpec, Ingest
from recsmith.files import file_hash, read_json, replacing, write_json, write_text
from recsmith.privacy import bundles, states
from recsmith.privacy.person import Person
from recsmith.privacy.traces import erase, found
from recsmith.retrain import log as event_log
from recsmith.serving import manifest as manifests
from recsmith.sources import movielens
from stages._stage import DATA, STAGES, WORK
from tools.forget.records import record_of
from tools.history import LINEAGE

KEPT = (DATA / "privacy", DATA / "README.md")
SCRATCH = (*STAGES, "spectra")
"""Folders of work in progress whose contents were made from people's data, by number where not by name."""
APART = {".git", ".venv", "__pycache__", ".pytest_cache", ".ruff_cache"}


@dataclass
class Removed:
    """What was removed, by kind; ``changed`` are paths whose content is another now."""

    counts: dict[str, int] = field(default_factory=dict)
    changed: set[Path] = field(default_factory=set)

    def add(self, kind: str, number: int = 1, path: Path | None = None) -> None:
        """Count, where there is something to count."""
        if number:
            self.counts[kind] = self.counts.get(kind, 0) + number
            if path is not None:
                self.changed.add(path)


def specs(params: Ingest) -> tuple[FileSpec, ...]:
    """What the files of the source are like."""
    if params.source == "ml-latest-small":
        return movielens.FILES
    if params.source != "files":
        return ()
    given = params.files or (FileSpec(),)
    return tuple(spec.model_copy(update={"format": spec.format or params.format}) for spec in given)


def spec_of(path: Path, params: Ingest) -> FileSpec | None:
    """The description of a file of the source, by its name; None for others."""
    name, source = path.as_posix(), Path(params.path).as_posix()
    inside = name == source or name.startswith(f"{source}/")
    matching = [spec for spec in specs(params) if inside and name in (source, f"{source}/{spec.file}")]
    return matching[0] if matching else None


def files(root: Path) -> Iterator[Path]:
    """Every file of the workspace that is not the project's own, as git knows it; relative to ``root``."""
    own = _in_git(root)
    for path in sorted(root.iterdir()):
        if path.name not in APART:
            yield from (one for one in (found.relative_to(root) for found in _below(path)) if one.as_posix() not in own)


def _in_git(root: Path) -> set[str]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return set()
    return set(listed.split("\0"))


def _below(path: Path) -> Iterator[Path]:
    if path.is_symlink() or path.is_file():
        yield from (path,) if path.is_file() else ()
    elif path.name not in APART:
        for one in sorted(path.iterdir()):
            yield from _below(one)


def results(root: Path, reached: set[str], removed: Removed) -> None:
    """Take stages that were made from the person out of ``dvc.lock``, and their results off the disk.

    Bundles and lineages stay where they are, without the person: something serves, and is known, until the next run.
    """
    lock, yaml = root / "dvc.lock", YAML()
    document: Any = yaml.load(lock.read_text(encoding="utf-8")) if lock.exists() else {}
    stages = document.get("stages") or {}
    made = [name for name, stage in stages.items() if (record_of(stage).deps | record_of(stage).outs) & reached]
    for name in made:
        for out in stages[name]["outs"]:
            path = root / out["path"]
            if not bundles.is_bundle(path) and out["path"] != LINEAGE:
                _remove(path)
        del stages[name]
    removed.add("stages to run again", len(made))
    if made and stages:
        with replacing(lock) as aside, aside.open("w", encoding="utf-8") as handle:
            yaml.dump(document, handle)
    elif made:
        lock.unlink()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def tables(root: Path, params: Ingest, person: Person, renewed: Renewed, removed: Removed) -> None:
    """Rewrite bundles, the event log, then all other tables in ``data/`` and in the source.

    Digests of bundles that other files name become those that ``renewed`` has.
    """
    inside = [place for place in {root / DATA, root / params.path} if place.resolve().is_relative_to(root.resolve())]
    below = sorted({path for place in inside for path in ([place] if place.is_file() else place.rglob("*"))})
    for folder in [path.parent for path in below if path.name == manifests.NAME and bundles.is_bundle(path.parent)]:
        removed.add("bundles", bundles.forget(folder, person, renewed), folder.relative_to(root))
    for folder in [path.parent for path in below if path.name == states.USERS and (path.parent / "bundle").is_dir()]:
        removed.add("learnt rows", states.forget(folder, person), folder.relative_to(root))
    if (root / EVENTS / event_log.NAME).exists():
        removed.add("events", event_log.rewrite(root / EVENTS, lambda path: erase(path, person)), Path(EVENTS))
    for path in (path for path in below if path.is_file()):
        relative = path.relative_to(root)
        if not any(relative.is_relative_to(kept) for kept in KEPT):
            removed.add("rows", erase(path, person, spec_of(relative, params)), relative)
    for path in sorted((root / DATA).rglob("*.json")):
        _renew(path, root, renewed.known, removed)
    _as_fetched(root / DATA / "raw", removed)


@dataclass
class Renewed:
    """Digest of a bundle before and after somebody was forgotten, kept in ``file`` with what is there already."""

    file: Path

    @property
    def known(self) -> dict[str, str]:
        return read_json(self.file).get("renewed", {})

    def __call__(self, before: str, after: str) -> None:
        """Note a pair, on disk."""
        write_json(self.file, {**read_json(self.file), "renewed": {**self.known, before: after}})


def _renew(path: Path, root: Path, renewed: dict[str, str], removed: Removed) -> None:
    text = path.read_text(encoding="utf-8")
    new = text
    for before, after in renewed.items():
        new = new.replace(before, after)
    if new != text:
        write_text(path, new)
        removed.changed.add(path.relative_to(root))


def _as_fetched(raw: Path, removed: Removed) -> None:
    """Let ``data/raw`` say that it is what was published without some people, lest a fetch brings them back."""
    described = raw / "source.json"
    if not described.exists() or not any(path.is_relative_to(DATA / "raw") for path in removed.changed):
        return
    source = read_json(described)
    if "files" in source:
        source["files"] = {name: file_hash(raw / name) for name in source["files"]}
        write_json(described, source | {"erased": True})


def scratch(root: Path, person: Person, removed: Removed) -> None:
    """Work in progress of the stages goes as a whole; of all other things there, the files that hold the person."""
    for name in SCRATCH:
        if (root / WORK / name).exists():
            shutil.rmtree(root / WORK / name)
            removed.add("folders of work in progress")
    for path in list(_below(root / WORK)) if (root / WORK).is_dir() else ():
        if found(path, person):
            run = next((parent for parent in path.parents if parent.name.startswith(("run-", "offline-run-"))), None)
            _remove(run or path)
            removed.add("W&B runs" if run else "files of work in progress")


def left(root: Path, params: Ingest, person: Person, apart: set[Path]) -> list[Path]:
    """Files that still hold the person; ``apart`` ones are not looked into."""
    return [
        path
        for path in files(root)
        if not any(path.is_relative_to(one) for one in apart) and found(root / path, person, spec_of(path, params))
    ]
