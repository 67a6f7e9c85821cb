"""Files that are either whole or absent: written aside, then renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recsmith.errors import UserError


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it takes the place of ``path``.

    Works for files and folders (create either at the yielded path), but a file never takes the place of a folder. On
    any error the temporary path is removed and ``path`` stays as it was; a folder in the way, a full disk or a missing
    permission is a UserError.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise _not_written(target, error) from error
    try:
        yield aside / target.name
        _swap(aside / target.name, target)
    except OSError as error:
        raise _not_written(target, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def remove_asides(folder: Path) -> None:
    """Remove what killed writers left beside their targets in ``folder``; only where nobody else writes there."""
    for left in folder.glob(".*"):
        if left.is_dir() and re.fullmatch(r"\..+\.[a-z0-9_]{8}", left.name):
            shutil.rmtree(left, ignore_errors=True)


def _swap(new: Path, target: Path) -> None:
    if target.is_dir() and not new.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder, and a file is to be written")
    if target.is_symlink() or not target.is_dir():
        os.replace(new, target)
        return
    old = new.parent / f"{target.name}.old"
    os.replace(target, old)
    try:
        os.replace(new, target)
    except BaseException:
        os.replace(old, target)
        raise


def _not_written(target: Path, error: OSError) -> UserError:
    reason = error.strerror or str(error)
    return UserError(f"{target} could not be written: {reason}. Nothing was changed; mend that, then run again.")


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` (UTF-8) at once or not at all; on disk, and not in a cache only, when this returns."""
    with replacing(path) as aside, aside.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        # Else a power cut may leave the new name with nothing in it.
        os.fsync(handle.fileno())
    on_disk(Path(path).parent)


def on_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk and not only in the system's memory."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path | str, value: Any) -> None:
    """Write ``value`` as JSON with sorted keys and a fixed layout, so that equal values give equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_text(path: Path | str, due: str = "") -> str:
    """The text of a file, its line ends as they are; a byte order mark is no part of it.

    UserError names the file where it is missing, a folder, unreadable or not UTF-8; ``due`` says there what is wanted.
    """
    wanted = f"; {due}." if due else "."
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist{wanted}") from error
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder{wanted}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}){wanted}") from error


def read_json(path: Path | str) -> Any:
    """Read a JSON file; UserError names the file where it cannot be read or is not JSON."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is not valid JSON: {error}.") from error


def digest(value: Any) -> str:
    """A hex name of 32 characters for a JSON-able value; equal values have equal names."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def file_hash(path: Path | str, algorithm: str = "sha256") -> str:
    """Hex digest of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, algorithm).hexdigest()


def content_md5(path: Path) -> str:
    """The md5 under which DVC records a file, or a folder (of the list of its files; it ends in ``.dir``)."""
    if not path.is_dir():
        return file_hash(path, "md5")
    names = [file.relative_to(path) for file in path.rglob("*") if file.is_file()]
    files = [{"md5": file_hash(path / name, "md5"), "relpath": name.as_posix()} for name in sorted(names)]
    return hashlib.md5(json.dumps(files, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"
