"""A source that changes while it is read is refused: half of the old and half of the new is neither."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsmith.errors import UserError

Look = tuple[int, int, int, int]


@contextmanager
def steady(path: Path, shown: str) -> Iterator[None]:
    """Hold a file, or all files of a folder, to what they were at the start; UserError names one that changed.

    Whatever the block makes of the source must not count where this raises. A file that is rewritten, replaced, cut
    off, added or removed is noticed by inode, size and times; nothing is read for it.
    """
    before = _looks(path)
    yield
    after = _looks(path)
    for file in sorted(before.keys() | after.keys()):
        if before.get(file) != after.get(file):
            name = shown if file == path else f"{shown.rstrip('/')}/{file.relative_to(path)}"
            raise UserError(
                f"{name} changed while it was being read. Let whoever writes it finish, or write it aside and rename "
                "it; then run again."
            )


def _looks(path: Path) -> dict[Path, Look]:
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return {file: look for file in files if (look := _look(file)) is not None}


def _look(file: Path) -> Look | None:
    """Inode, bytes, times of writing and of any change; None for folders and where there is nothing."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns) if file.is_file() else None
