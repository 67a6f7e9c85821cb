"""Where files of the inbox go: under their names and a part of their content's, so that nothing is ever replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recsmith.files import replacing, write_text

TAKEN, REJECTED = "taken", "rejected"
REASON = ".reason.txt"


def aside(folder: Path, name: str, digest: str) -> Path:
    """Where a batch's file lies in ``folder``."""
    return folder / f"{digest[:12]}-{name}"


def rows_aside(folder: Path, name: str, digest: str) -> Path:
    """Where the rows of a batch without a file are kept."""
    return folder / f"{name}-{digest[:12]}.parquet"


def reason_of(path: Path) -> Path:
    """The file beside ``path`` that says why it was refused."""
    return path.with_name(path.name + REASON)


def move(path: Path, target: Path) -> None:
    """Move a file, into a folder that may not be there yet."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)


def reject(path: Path, target: Path, reason: str) -> None:
    """Move a refused file to ``target``, with the reason beside it."""
    write_text(reason_of(target), reason + "\n")
    move(path, target)


def keep_rows(folder: Path, name: str, digest: str, rows: pa.Table, reason: str) -> None:
    """Write refused rows that no file holds to ``folder``, with the reason beside them."""
    kept = rows_aside(folder, name, digest)
    with replacing(kept) as beside:
        pq.write_table(rows, beside)
    write_text(reason_of(kept), reason + "\n")
