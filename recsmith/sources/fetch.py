"""Bring a source to ``data/raw``: mirror, then network, then the built-in demo where nothing was asked for."""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from recsmith.config.ingest import RAW, Ingest
from recsmith.errors import UserError
from recsmith.files import file_hash, read_json, replacing, write_json
from recsmith.sources import movielens, places, sql
from recsmith.sources.download import NotThere, download

FIRST_SECONDS = 8.0
"""How long the network has to answer on the first run, that the demo stands in within ten seconds,"""
LATER_SECONDS = 1.2
"""and on later runs, after it did not answer: within two."""
REASON = "neither the mirror nor the official address gave MovieLens latest-small with the right contents"
Say = Callable[[str], None]


def fetch(params: Ingest, root: Path, mirror: str | None, say: Say) -> None:
    """Make ``root/data/raw`` hold what ``params`` ask for; for files of your own, check that they are there.

    ``mirror`` is a folder or URL with ``ml-latest-small/ml-latest-small.zip`` in it. Raises UserError where a source
    that the user named is missing.
    """
    if params.source == "ml-latest-small":
        _movielens(root / RAW, mirror, say)
    elif params.source == "demo":
        _describe(root / RAW, {"name": "demo", "via": "built-in", "stand_in": False})
        say("The demo is built in; nothing to fetch.")
    elif params.source == "sql" and params.sql and params.sql.backend == "postgres":
        sql.fetch(params, root)
        say(f"Snapshot of the PostgreSQL queries in {RAW}.")
    else:
        _own_files(params, root, say)


def _own_files(params: Ingest, root: Path, say: Say) -> None:
    where = places.base(params, root)
    for spec in params.files:
        places.located(where, params.path, spec)
    say(f"{params.path} is there; nothing to fetch.")


def _movielens(raw: Path, mirror: str | None, say: Say) -> None:
    before = _source(raw)
    if before.get("name") == movielens.NAME and _right(raw, before):
        say(f"{movielens.NAME} is in {RAW} already.")
        return
    if before.get("name") == movielens.NAME:
        say(f"{RAW} no longer holds {movielens.NAME} as it was published (a file is changed or missing); once more.")
    end = time.monotonic() + (LATER_SECONDS if before.get("stand_in") else FIRST_SECONDS)
    wanted = list(_places(mirror))
    for left, (via, where) in zip(range(len(wanted), 0, -1), wanted, strict=True):
        try:
            contents = unpack(download(where, (end - time.monotonic()) / left))
        except NotThere as reason:
            say(f"{movielens.NAME} from the {via} ({where}): {reason}")
            continue
        _write(raw, contents, via)
        say(f"{movielens.NAME} fetched from the {via} to {RAW}.")
        return
    _stand_in(raw, say)


def _places(mirror: str | None) -> Iterator[tuple[str, str]]:
    if mirror:
        yield "mirror", f"{mirror.rstrip('/')}/{movielens.NAME}/{movielens.ARCHIVE}"
    yield "network", movielens.ADDRESS


def _source(raw: Path) -> dict[str, Any]:
    try:
        return read_json(raw / "source.json")
    except UserError:
        return {}


def _right(raw: Path, before: dict[str, Any]) -> bool:
    """Whether the files are those that were published, or what forgetting people left of them."""
    hashes = before["files"] if before.get("erased") else movielens.HASHES
    return all((raw / name).is_file() and file_hash(raw / name) == right for name, right in hashes.items())


def unpack(archive: bytes) -> dict[str, bytes]:
    """The CSVs of the archive, each checked; NotThere says what is wrong with it."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            contents = {name: opened.read(f"{movielens.NAME}/{name}") for name in movielens.HASHES}
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise NotThere(f"{movielens.ARCHIVE} is truncated or no zip file ({error}).") from error
    except KeyError as error:
        raise NotThere(f"{movielens.ARCHIVE} lacks a file: {error}.") from error
    for name, right in movielens.HASHES.items():
        found = hashlib.sha256(contents[name]).hexdigest()
        if found != right:
            raise NotThere(f"{name} in {movielens.ARCHIVE} has the wrong contents (sha256 {found}, due {right}).")
    return contents


def _write(raw: Path, contents: dict[str, bytes], via: str) -> None:
    """All files and their description, or nothing."""
    with replacing(raw) as folder:
        folder.mkdir()
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        described = {"name": movielens.NAME, "stand_in": False, "files": movielens.HASHES, "licence": movielens.NOTE}
        write_json(folder / "source.json", {**described, "via": via})


def _stand_in(raw: Path, say: Say) -> None:
    _describe(raw, {"name": "demo", "via": "built-in", "stand_in": True, "for": movielens.NAME, "reason": REASON})
    line = "!" * 78
    say(
        f"{line}\n"
        f"THE BUILT-IN DEMO STANDS IN: {REASON}.\n"
        "All that follows is about invented products and people. To get the real data, set RECSMITH_MIRROR to a\n"
        f"folder or URL that has {movielens.NAME}/{movielens.ARCHIVE}, or connect this machine, and run again;\n"
        "for your own data, run `recsmith init FILE...`.\n"
        f"{line}"
    )


def _describe(raw: Path, source: dict[str, Any]) -> None:
    """A folder with nothing but its description, left alone where it is so already."""
    if _source(raw) == source:
        return
    with replacing(raw) as folder:
        folder.mkdir()
        write_json(folder / "source.json", source)
