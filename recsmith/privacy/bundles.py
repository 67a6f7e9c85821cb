"""A bundle without somebody: the people part is written anew, checksums and digest with it; the model part stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from recsmith.files import replacing, write_json
from recsmith.privacy.person import Person
from recsmith.serving import manifest as manifests
from recsmith.serving import safetensors, tensors
from recsmith.serving.bundle import MODEL, PEOPLE
from recsmith.serving.histories import Histories
from recsmith.serving.histories import read as read_histories
from recsmith.serving.strings import Strings


def is_bundle(folder: Path) -> bool:
    """Whether ``folder`` holds a bundle."""
    return (folder / manifests.NAME).is_file() and (folder / MODEL).is_file()


def forget(folder: Path, person: Person, renewed: Callable[[str, str], None] = lambda before, after: None) -> int:
    """Take somebody out of a bundle, whole or not at all; returns how many entries that were.

    ``renewed`` is told the digest before and after, when nothing is changed yet: a note of it survives a kill.
    Raises UserError where the bundle is not whole. A bundle without people, or without this one, stays as it is.
    """
    manifest = manifests.read(folder)
    for name, entry in manifest["parts"].items():
        manifests.checked_file(folder, name, entry)
    if "people" not in manifest["parts"]:
        return 0
    people = {name: np.array(values) for name, values in safetensors.read(folder / PEOPLE).items()}
    ids = tensors.strings(people, "user_ids") or Strings.of(())
    gone = np.array([name in person.names for name in ids], bool)
    if not gone.any():
        return 0
    with replacing(folder) as aside:
        (aside / MODEL).parent.mkdir(parents=True)
        (aside / MODEL).write_bytes((folder / MODEL).read_bytes())
        (aside / PEOPLE).parent.mkdir(parents=True)
        left = _without(people, ids, gone, safetensors.read(folder / MODEL)["popularity"])
        safetensors.write(aside / PEOPLE, left)
        manifest["users"] = int((~gone).sum())
        manifest["parts"]["people"] = manifests.part(aside, PEOPLE)
        before, manifest["digest"] = manifest["digest"], manifests.digest(manifest)
        write_json(aside / manifests.NAME, manifest)
        renewed(before, manifest["digest"])
    return int(gone.sum())


def _without(people: tensors.Tensors, ids: Strings, gone: np.ndarray, popularity: np.ndarray) -> dict[str, np.ndarray]:
    """The tensors of the people part without those who are ``gone`` (U,) bool."""
    left, histories = np.flatnonzero(~gone), read_histories(people, popularity)
    changed = {name: values for name, values in people.items() if not name.startswith("history.")}
    changed |= tensors.of_strings("user_ids", ids.take(left))
    changed |= Histories.of(histories.take(left), popularity).tensors()
    stored = histories.rows[left]
    vectors = tensors.table(people, "user_vectors")
    return changed if vectors is None else changed | tensors.of_table("user_vectors", vectors.take(stored[stored >= 0]))
