"""Files and folders sealed into one file, and brought back whole or not at all."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from recsmith.errors import UserError
from recsmith.files import replacing
from recsmith.privacy.keys import Key
from recsmith.privacy.sealing import CHUNK, MAGIC, Header, Opener, Sealer, header, is_sealed, key_for

IN_MEMORY = Path("/dev/shm")  # nosec B108: mkdtemp makes a private folder in it
"""Where Linux keeps files in memory: what is opened for a moment does not touch the disk."""


def seal(source: Path, target: Path, key: Key) -> None:
    """Encrypt a file or a folder (links and modes of files included) to ``target``, whole or not at all."""
    if not source.exists():
        raise UserError(f"{source} does not exist.")
    with replacing(target) as aside, aside.open("wb") as handle:
        sealer = Sealer(handle, key, "folder" if source.is_dir() else "file")
        if source.is_dir():
            with tarfile.open(fileobj=sealer, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # pyright: ignore[reportArgumentType, reportCallIssue]
                archive.add(source, ".")
        else:
            with source.open("rb") as content:
                shutil.copyfileobj(content, sealer, CHUNK)
        sealer.close()
        handle.flush()
        os.fsync(handle.fileno())


def unseal(source: Path, target: Path, key: Key | None = None, *, shown: str = "", own: bool = False) -> None:
    """Decrypt ``source``, which messages call ``shown``, to ``target``, whole or not at all.

    ``key`` is that of the environment where it is not given. A folder that is our ``own`` comes back with all modes and
    links; of others' only what is harmless does. Raises UserError where the key is missing or another one, or the file
    was altered; ``target`` then stays as it was.
    """
    with opened(source, key, shown) as opener, replacing(target) as aside:
        if opener.header.kind == "folder":
            aside.mkdir()
            with tarfile.open(fileobj=opener, mode="r|") as archive:  # pyright: ignore[reportArgumentType, reportCallIssue]
                _extract(archive, aside, own=own, shown=shown or str(source))
            opener.read()
        else:
            with aside.open("wb") as handle:
                shutil.copyfileobj(opener, handle, CHUNK)


@contextmanager
def opened(source: Path, key: Key | None = None, shown: str = "") -> Iterator[Opener]:
    """The content of a sealed file, under ``key`` or that of the environment."""
    shown = shown or str(source)
    key = key or key_for(shown, described(source))
    with source.open("rb") as handle:
        yield Opener(handle, key, shown)


def described(source: Path) -> Header:
    """The header of a sealed file; UserError where there is none."""
    try:
        with source.open("rb") as handle:
            return header(handle, str(source))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"{source} is no encrypted file.") from error


def sealed(path: Path) -> bool:
    """Whether there is a sealed file at ``path``."""
    if not path.is_file():
        return False
    with path.open("rb") as handle:
        return is_sealed(handle.read(len(MAGIC)))


@contextmanager
def plain(path: Path) -> Iterator[Path]:
    """``path`` itself, or what is sealed in it, decrypted to a private folder that is removed afterwards."""
    if not sealed(path):
        yield path
        return
    where = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="recsmith-", dir=where) as folder:
        unseal(path, Path(folder) / path.stem)
        yield Path(folder) / path.stem


def _extract(archive: tarfile.TarFile, folder: Path, *, own: bool, shown: str) -> None:
    """All members; what is not our ``own`` may not reach outside ``folder``."""
    # Pythons before 3.11.4 have no filters, and take no notice of the one that is set.
    archive.extraction_filter = getattr(tarfile, "tar_filter" if own else "data_filter", None)
    trusted = own or hasattr(tarfile, "data_filter")
    members = None if trusted else (_harmless(member, shown) for member in archive)
    archive.extractall(folder, members)  # nosec B202: proven chunk by chunk, and filtered


def _harmless(member: tarfile.TarInfo, shown: str) -> tarfile.TarInfo:
    path = PurePosixPath(member.name)
    if not (member.isfile() or member.isdir()) or path.is_absolute() or ".." in path.parts:
        raise UserError(f"{shown} holds {member.name!r}, which is no file or folder inside it; it is not opened.")
    return member
