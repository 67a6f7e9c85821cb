"""Forms that were made by training, a folder each, so that a stage that was ended trains none of them again."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recsmith.compress.kept import content_of
from recsmith.compress.origin import Made, Origin
from recsmith.engine.train.checkpoint import WITHOUT_EFFECT
from recsmith.errors import UserError
from recsmith.files import digest, file_hash, read_json, replacing, write_json
from recsmith.hashes import arrays_hash, code_hash
from recsmith.serving import safetensors, tensors
from recsmith.serving.fold_in import FoldIn
from recsmith.serving.table_tensors import of_table

META, TENSORS = "form.json", "form.safetensors"
AFTERWARDS = {
    "forms", "precision", "sparsity", "pruner", "block", "bytes_a_row", "rerank", "quantiser", "refit", "search",
    "index", "min_retained", "target", "gate",
}  # fmt: skip
"""Knobs that no form reads: they say what becomes of forms once they are made."""


@dataclass(frozen=True)
class KeptForms:
    """The forms below a folder, each named by all that it was made from."""

    folder: Path
    used: set[str] = field(default_factory=set)
    """Those that were read or written."""

    def load(self, name: str, origin: Origin) -> Made | None:
        """A form as it was made; None where there is none that is whole."""
        folder = self._folder(name, origin)
        try:
            meta = read_json(folder / META)
            if file_hash(folder / TENSORS) != meta["sha256"]:
                return None
            # Read into memory: torch takes no arrays that cannot be written to.
            parts = {part: np.array(values) for part, values in safetensors.read(folder / TENSORS).items()}
            return Made(tensors.model(parts, parts, FoldIn(**meta["fold_in"])), meta["epochs"])
        except (UserError, OSError, KeyError, TypeError):
            return None

    def save(self, name: str, origin: Origin, form: Made) -> None:
        """Write a form, whole or not at all."""
        with replacing(self._folder(name, origin)) as aside:
            aside.mkdir()
            parts = {**tensors.of_model(form.model), **of_table("user_vectors", form.model.user_vectors)}
            safetensors.write(aside / TENSORS, parts)
            meta = {"name": name, "epochs": form.epochs, "fold_in": asdict(form.model.fold_in)}
            write_json(aside / META, meta | {"sha256": file_hash(aside / TENSORS)})

    def drop_others(self) -> None:
        """Remove what was neither read nor written: it was made of another winner, by other parameters or code."""
        for folder in self.folder.glob("*"):
            if folder.name not in self.used:
                shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, name: str, origin: Origin) -> Path:
        key = digest([name, _origin(origin)])
        self.used.add(key)
        return self.folder / key


def _origin(origin: Origin) -> dict[str, Any]:
    """All that decides what a form becomes."""
    fitted, valid = origin.fitted, origin.valid
    learnt = {name: arrays_hash(value.numpy()) for name, value in (fitted.learnt or {}).items()}
    return {
        "architecture": fitted.architecture.model_dump(mode="json"),
        "trained": [fitted.epochs, learnt],
        "graph": origin.graph.hash,
        "exact": content_of(origin.exact),
        "valid": None if valid is None else arrays_hash(valid.indptr, valid.indices, valid.cold),
        "epochs": origin.epochs,
        "settings": {name: value for name, value in asdict(origin.settings).items() if name not in WITHOUT_EFFECT},
        "params": origin.params.model_dump(mode="json", exclude=AFTERWARDS),
        "code": [code_hash(), torch.__version__],
    }
