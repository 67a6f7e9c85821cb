"""Packing a bundle: two safetensors files and a manifest that proves them whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recsmith import __version__
from recsmith.errors import UserError
from recsmith.files import replacing, write_json
from recsmith.serving import manifest as manifests
from recsmith.serving import safetensors, tensors
from recsmith.serving.bundle import MODEL, PEOPLE
from recsmith.serving.histories import Histories
from recsmith.serving.model import Batch, ServingModel
from recsmith.serving.strings import Strings


@dataclass(frozen=True)
class People:
    """Whom the bundle knows: ids (U,), and a history each; stored vectors lie in the model."""

    ids: Sequence[str]
    histories: Batch


def write(
    folder: Path | str,
    model: ServingModel,
    items: Sequence[str],
    people: People | None,
    meta: Mapping[str, Any],
    titles: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Write a bundle whole or not at all, and return its manifest; ``meta`` goes into it as it is.

    Equal content gives equal bytes. Without ``people`` only the shareable part is written.
    Raises UserError where ids and tables do not fit together.
    """
    _check(model, items, people, titles)
    with replacing(folder) as aside:
        written = {"model": (MODEL, _model_part(model, items, titles))}
        if people is not None:
            written["people"] = PEOPLE, _people_part(model, people)
        parts = {name: _part(aside, *content) for name, content in written.items()}
        manifest = {**_head(model, people), **meta, "parts": parts}
        manifest["digest"] = manifests.digest(manifest)
        write_json(aside / manifests.NAME, manifest)
    return manifest


def _part(folder: Path, file: str, values: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Write one file of a bundle; gives what the manifest says of it."""
    (folder / file).parent.mkdir(parents=True)
    safetensors.write(folder / file, values)
    return manifests.part(folder, file)


def _head(model: ServingModel, people: People | None) -> dict[str, Any]:
    return {
        "format": manifests.FORMAT,
        "version": manifests.VERSION,
        "recsmith": __version__,
        "items": model.n_items,
        "users": 0 if people is None else len(people.ids),
        "rank": model.rank,
        "model_bytes": model.model_bytes,
        "fold_in": asdict(model.fold_in),
    }


def _model_part(model: ServingModel, items: Sequence[str], titles: Sequence[str] | None) -> dict[str, np.ndarray]:
    return {
        **tensors.of_model(model),
        **tensors.of_strings("item_ids", Strings.of(items)),
        **tensors.of_strings("titles", None if titles is None else Strings.of(titles)),
    }


def _people_part(model: ServingModel, people: People) -> dict[str, np.ndarray]:
    return {
        **tensors.of_strings("user_ids", Strings.of(people.ids)),
        **Histories.of(people.histories, model.popularity).tensors(),
        **tensors.of_table("user_vectors", model.user_vectors),
    }


def _check(model: ServingModel, items: Sequence[str], people: People | None, titles: Sequence[str] | None) -> None:
    if len(items) != model.n_items or (titles is not None and len(titles) != model.n_items):
        raise UserError(f"The model has {model.n_items} items; {len(items)} ids were given.")
    if people is not None and len(people.ids) != len(people.histories):
        raise UserError(f"{len(people.ids)} users were given and {len(people.histories)} histories.")
    if people is not None and model.user_vectors is not None:
        filled = int(np.count_nonzero(np.diff(people.histories.indptr)))
        if model.user_vectors.shape[0] != filled:
            raise UserError(
                f"{filled} users have a history and the model stores {model.user_vectors.shape[0]} vectors."
            )
