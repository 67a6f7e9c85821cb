"""What lies in a bundle, read off its files: parts, tensors, bytes, without opening the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsmith.serving import manifest as manifests
from recsmith.serving import safetensors

IDS = ("item_ids.", "titles.", "user_ids.")
HISTORIES = "history."
PERSONAL = "user_vectors."


@dataclass(frozen=True)
class Stored:
    """One tensor of a file."""

    part: str
    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int

    @property
    def kind(self) -> str:
        """What it is of: the model, ids and titles, histories, or stored vectors of people."""
        if self.name.startswith(IDS):
            return "ids"
        if self.name.startswith(HISTORIES):
            return "histories"
        return "people" if self.name.startswith(PERSONAL) else "model"


@dataclass(frozen=True)
class Contents:
    """A bundle's manifest and its tensors."""

    manifest: dict[str, Any]
    tensors: tuple[Stored, ...]
    file_bytes: dict[str, int]
    """Of each file, the manifest included."""

    def bytes_of(self, kind: str) -> int:
        """Bytes of all tensors of one kind."""
        return sum(tensor.bytes for tensor in self.tensors if tensor.kind == kind)

    def values(self) -> dict[str, Any]:
        """All of it as plain values."""
        kinds = ("model", "ids", "people", "histories")
        return {
            "manifest": self.manifest,
            "files": self.file_bytes,
            "bytes": {kind: self.bytes_of(kind) for kind in kinds},
            "tensors": [{**vars(tensor), "shape": list(tensor.shape), "kind": tensor.kind} for tensor in self.tensors],
        }


def contents(folder: Path | str) -> Contents:
    """The contents of a bundle whose checksums hold; UserError names the file that is not whole."""
    folder = Path(folder)
    manifest = manifests.read(folder)
    found, sizes = [], {manifests.NAME: (folder / manifests.NAME).stat().st_size}
    for part, entry in manifest["parts"].items():
        path = manifests.checked_file(folder, part, entry)
        sizes[entry["file"]] = path.stat().st_size
        for name, values in safetensors.read(path).items():
            found.append(Stored(part, name, values.dtype.name, values.shape, values.nbytes))
    return Contents(manifest, tuple(found), sizes)
