"""What DVC knows was made from what: ``dvc.lock`` and ``*.dvc`` now and in all of git's history, and its run cache."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError

Entries = Callable[[str], frozenset[str]]
"""md5 of a folder -> md5s of its files, as far as they are known."""


@dataclass(frozen=True)
class Record:
    """md5s that were read and md5s that were written from them."""

    deps: frozenset[str]
    outs: frozenset[str]


def records(root: Path, runs: Path) -> set[Record]:
    """All records of the project in ``root``; ``runs`` is the folder of the run cache."""
    texts = [path.read_bytes() for path in _now(root)] + list(_history(root))
    texts += [path.read_bytes() for path in runs.rglob("*") if path.is_file()]
    return {record for text in set(texts) for record in _records(text)}


def _now(root: Path) -> Iterator[Path]:
    yield from (path for path in (root / "dvc.lock",) if path.exists())
    yield from (path for path in root.glob("**/*.dvc") if path.is_file() and ".venv" not in path.parts)


def _history(root: Path) -> Iterator[bytes]:
    """Every version that git has, those of experiments included."""
    listed = _git(root, "rev-list", "--all", "--objects", "--", "dvc.lock", "*.dvc").decode().splitlines()
    for line in listed:
        blob, _, path = line.partition(" ")
        if path.endswith((".dvc", "dvc.lock")):
            yield _git(root, "cat-file", "-p", blob)


def _git(root: Path, *words: str) -> bytes:
    """What git answers; nothing where there is no git."""
    try:
        return subprocess.run(["git", *words], cwd=root, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return b""


def _records(text: bytes) -> Iterator[Record]:
    try:
        document = YAML(typ="safe").load(text.decode())
    except (YAMLError, UnicodeDecodeError):
        return
    if isinstance(document, dict):
        for stage in (document.get("stages") or {"": document}).values():
            yield record_of(stage)


def record_of(stage: Any) -> Record:
    """The record of one stage of ``dvc.lock``."""
    return Record(_md5s(stage.get("deps")), _md5s(stage.get("outs")))


def _md5s(listed: Any) -> frozenset[str]:
    return frozenset(one["md5"] for one in listed or () if one.get("md5"))


def derived(holders: Iterable[str], known: Iterable[Record], entries: Entries, harmless: frozenset[str]) -> set[str]:
    """All md5s that hold the person or were made from any that do; ``harmless`` ones can hold nobody."""
    direct, reached, left = set(holders), set(holders), set(known)
    direct |= {md5 for record in left for md5 in record.outs if md5.endswith(".dir") and entries(md5) & direct}
    reached |= direct
    while touched := {record for record in left if record.deps & reached or record.outs & direct}:
        for md5 in (md5 for record in touched for md5 in record.outs):
            reached |= ({md5} | entries(md5)) - harmless
        left -= touched
    return reached


def listing(content: bytes) -> frozenset[str]:
    """md5s in the listing of a folder."""
    try:
        return frozenset(entry["md5"] for entry in json.loads(content))
    except (ValueError, TypeError, KeyError):
        return frozenset()
