"""The manifest of a bundle: what lies in it, how large it is, and the checksums that prove it whole."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from recsmith.errors import UserError
from recsmith.files import file_hash

FORMAT = "recsmith-bundle"
VERSION = 4
"""1: dense tables; 2: packed, product-quantised and tied ones too; 3: those that are scanned and re-ranked; 4: those
that are tied to the first columns alone."""
NAME = "manifest.json"


def digest(manifest: dict[str, Any]) -> str:
    """The name of a bundle: sha256 over its manifest, which holds the checksum of every part."""
    values = {key: value for key, value in manifest.items() if key != "digest"}
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def part(folder: Path, file: str) -> dict[str, Any]:
    """What the manifest says about one file of the bundle."""
    path = folder / file
    return {"file": file, "bytes": path.stat().st_size, "sha256": file_hash(path)}


def read(folder: Path) -> dict[str, Any]:
    """The checked manifest of a bundle; UserError says what is wrong with it and where."""
    path = folder / NAME
    manifest = _json(folder, path)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UserError(f"{path} does not describe a Recsmith bundle; its format must be {FORMAT!r}.")
    version = manifest.get("version")
    if type(version) is not int or version < 1:
        raise UserError(f"{path} does not describe a Recsmith bundle: {version!r} is no version of one.")
    if version > VERSION:
        raise UserError(
            f"{path}: bundle version {version} was written by a newer Recsmith; this one reads up to version "
            f"{VERSION}. Update Recsmith, or pack the bundle again."
        )
    if manifest.get("digest") != digest(manifest):
        raise UserError(f"{path} was altered: its digest does not fit its content. {_RESTORE}")
    parts = manifest.get("parts")
    if not isinstance(parts, dict) or "model" not in parts or not all(map(_is_part, parts.values())):
        raise UserError(f"{path} does not say where in the bundle its model is, how large, and by which sha256.")
    return manifest


def checked_file(folder: Path, name: str, entry: dict[str, Any]) -> Path:
    """The path of one part, once its size and checksum are those of the manifest; UserError otherwise."""
    path = folder / entry["file"]
    try:
        size = path.stat().st_size
        found = file_hash(path) if size == entry["bytes"] else ""
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: the {name} part of the bundle. {_RESTORE}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    if size != entry["bytes"]:
        what = "truncated" if size < entry["bytes"] else "altered"
        raise UserError(f"{path} is {what}: {size} bytes, the manifest says {entry['bytes']}. {_RESTORE}")
    if found != entry["sha256"]:
        raise UserError(f"{path} was altered: its sha256 is not that of the manifest. {_RESTORE}")
    return path


def _is_part(entry: Any) -> bool:
    """Whether it names a file inside the bundle, its size and its checksum."""
    kinds = {"file": str, "bytes": int, "sha256": str}
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name), kind) for name, kind in kinds.items()):
        return False
    file = Path(entry["file"])
    return not file.is_absolute() and ".." not in file.parts


_RESTORE = "Restore it (`dvc checkout compress`) or pack it again."


def _json(folder: Path, path: Path) -> Any:
    try:
        if not folder.is_dir():
            raise UserError(f"There is no bundle at {folder}: no such folder. `dvc repro compress` makes one.")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{folder} is no bundle: {NAME} is missing.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} was altered or truncated: it is not valid JSON ({error}).") from error
