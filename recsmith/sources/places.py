"""Which files a source consists of; missing and empty ones are named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from recsmith.config.ingest import FileSpec, Ingest
from recsmith.errors import UserError

ALONE = {"interactions", "train"}


def base(params: Ingest, root: Path) -> Path:
    """``ingest.path`` below ``root``; UserError where it is not there."""
    path = root / params.path
    if not path.exists():
        raise UserError(
            f"params.yaml: ingest.path = {params.path!r} does not exist. It must be a file or a folder, "
            "absolute or relative to the project."
        )
    return path


def given(params: Ingest, root: Path) -> Iterator[tuple[Path, str, FileSpec]]:
    """Each file that the parameters name, as (path, how to call it, spec); ``ingest.path`` where it is a file."""
    where = base(params, root)
    specs = params.files or (FileSpec(),)
    for spec in specs:
        path, shown = located(where, params.path, spec)
        yield path, shown, spec


def located(where: Path, called: str, spec: FileSpec) -> tuple[Path, str]:
    """Path of one file and how to call it in messages; UserError where it is missing, a folder, or empty."""
    if not spec.file:
        _no_folder(where, called)
        return checked(where, called), called
    if where.is_file() and spec.file == where.name:
        return checked(where, called), called
    shown = f"{called.rstrip('/')}/{spec.file}"
    return checked(where / spec.file, shown), shown


def _no_folder(where: Path, called: str) -> None:
    if where.is_dir():
        raise UserError(
            f"params.yaml: ingest.path = {called!r} is a folder; ingest.files must say which of its files to read: "
            f"{listed(where)}. `recsmith init {called}` writes that for you."
        )


def checked(path: Path, shown: str) -> Path:
    """``path`` where it is a file with something in it (or a folder of parts)."""
    if not path.exists():
        beside = f" Beside it: {listed(path.parent)}." if path.parent.is_dir() else ""
        raise UserError(f"{shown} does not exist (params.yaml: ingest.path, ingest.files).{beside}")
    if path.is_file() and path.stat().st_size == 0:
        raise UserError(f"{shown} is empty (0 bytes).")
    return path


def listed(folder: Path, most: int = 20) -> str:
    """Names in a folder, for messages."""
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + more) if names else "nothing"


def check_roles(specs: tuple[FileSpec, ...]) -> None:
    """UserError where the files of a source hold no interactions, or a test without a train."""
    roles = {spec.role for spec in specs}
    if not roles & ALONE:
        raise UserError(
            f"params.yaml: ingest.files has the roles {', '.join(sorted(roles))}; "
            "a file of role interactions or train is due."
        )
    if "test" in roles and "train" not in roles:
        raise UserError("params.yaml: ingest.files has a file of role test but none of role train.")
