"""Two folders that change their places in one step: a folder cannot be renamed over another one."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

HERE, EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE."""


def exchange(one: Path, other: Path) -> None:
    """renameat2(2) with RENAME_EXCHANGE; two renames with a gap between them where the file system cannot (NFS)."""
    if ctypes.CDLL(None).renameat2(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0:
        return
    aside = one.with_name(f"{one.name}.old")
    os.replace(other, aside)
    os.replace(one, other)
    os.replace(aside, one)
