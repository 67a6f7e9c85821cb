"""A bundle opened for serving: memory-mapped, checked, answering by the ids that its maker knew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from recsmith.errors import UserError
from recsmith.serving import manifest as manifests
from recsmith.serving import safetensors, spectral, tensors
from recsmith.serving.fold_in import FoldIn, fading
from recsmith.serving.foreign import foreign
from recsmith.serving.histories import Histories
from recsmith.serving.histories import read as read_histories
from recsmith.serving.model import Batch, ServingModel, top_k
from recsmith.serving.select import select
from recsmith.serving.strings import Strings
from recsmith.serving.tables import Table
from recsmith.serving.vector_table import VectorTable, row_lengths

MODEL = "model/tensors.safetensors"
PEOPLE = "people/tensors.safetensors"


@dataclass(frozen=True)
class Lists:
    """Recommendations for users. Shapes: items (n, k) int32 item index, -1 padded; scores (n, k) float32."""

    users: Strings
    items: np.ndarray
    scores: np.ndarray
    unknown: tuple[str, ...] = ()
    """Users that the bundle does not know; their list is the popularity list."""
    without_history: int = 0
    """How many known users have no history; their list is the popularity list."""


@dataclass(frozen=True)
class Answer:
    """Recommendations for one history. Shapes: items (k,) int32 item index, -1 padded; scores (k,) float32."""

    items: np.ndarray
    scores: np.ndarray
    unknown: tuple[str, ...] = ()
    """Items of the history that the bundle does not know."""
    untouched: tuple[str, ...] = ()
    """Items of the history that the bundle knows by name only: nobody ever touched them."""
    popularity: bool = False
    """Whether nothing of the history says anything, so that the popularity list answers."""


@dataclass(frozen=True)
class Bundle:
    """A model with the ids, titles and histories of its users and items."""

    manifest: dict[str, Any]
    model: ServingModel
    items: Strings
    users: Strings
    histories: Histories
    titles: Strings | None = None

    def __post_init__(self) -> None:
        stored = self.model.user_vectors
        due = {"item_ids": (self.items, self.model.n_items), "user_ids": (self.users, len(self.histories))}
        if self.titles is not None:
            due["titles"] = self.titles, self.model.n_items
        for name, (found, count) in due.items():
            if len(found) != count:
                raise foreign(f"{name} are {len(found)} and {count} are due")
        filled = np.count_nonzero(self.histories.counts)
        if stored is not None and stored.shape[0] != filled:
            raise foreign(f"user_vectors are {stored.shape[0]}, and {filled} users have a history")

    def recommend(
        self,
        user_ids: Sequence[str] | None,
        k: int,
        *,
        allow: Sequence[str] | None = None,
        block: Sequence[str] | None = None,
    ) -> Lists:
        """Lists for users (None: for all), items of their history left out; unknown users get popularity.

        ``allow`` and ``block`` are item ids. Raises UserError for ids in them that are unknown and for ``k`` below 1.
        """
        if user_ids is None:
            users, batch, unknown = self.users, self.histories.everybody(), ()
        else:
            users, places = Strings.of(user_ids), self.users.find(user_ids)
            batch = self.histories.take(places)
            unknown = tuple(name for name, place in zip(user_ids, places, strict=True) if place < 0)
        items, scores = top_k(self.model, batch, k, allow=self._filter(allow), block=self._filter(block))
        empty = int(np.count_nonzero(np.diff(batch.indptr) == 0))
        return Lists(users, items, scores, unknown, empty - len(unknown))

    def recommend_history(
        self,
        item_ids: Sequence[str],
        k: int,
        *,
        allow: Sequence[str] | None = None,
        block: Sequence[str] | None = None,
    ) -> Answer:
        """A list for somebody new who touched ``item_ids``, oldest first; unknown ones are reported and left aside.

        ``allow`` and ``block`` are item ids, as in :meth:`recommend`.
        """
        places = self.items.find(item_ids)
        known = _once(places[places >= 0])
        telling = known[self.model.popularity[known] > 0]
        batch = Batch(np.array([0, len(telling)]), telling, fading(len(telling), self.model.fold_in.recency))
        blocked = self._filter(block)
        hidden = known if blocked is None else np.concatenate((known, blocked))
        items, scores = top_k(self.model, batch, k, allow=self._filter(allow), block=hidden)
        unknown = tuple(name for name, place in zip(item_ids, places, strict=True) if place < 0)
        untouched = tuple(self.items[place] for place in known if self.model.popularity[place] == 0)
        return Answer(items[0], scores[0], unknown, untouched, len(telling) == 0)

    @cached_property
    def item_vectors(self) -> VectorTable:
        """The model's item vectors (I, r); where it is a sparse table alone, those of the table's best low rank."""
        if self.model.item_vectors is not None:
            return self.model.item_vectors
        assert self.model.sparse is not None
        return Table(spectral.vectors(self.model.sparse))

    def embed(self) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of all items and all users (zeros without a history). Shapes: (I, r), (U, r) float32."""
        table = self.item_vectors
        model = self.model if self.model.item_vectors else replace(self.model, item_vectors=table, projection=table)
        return table.dequantised(), model.vectors(self.histories.everybody())

    def similar(self, item_id: str, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The ``k`` items with the highest cosine to one, itself left out.

        Shapes: -> items (k,) int32 padded with -1, cosines (k,) float32.
        Raises UserError where the item is unknown.
        """
        place = int(self.items.find([item_id])[0])
        if place < 0:
            raise UserError(f"item {item_id!r} is not among the {len(self.items)} items of this bundle.")
        unit = unit_rows(self.item_vectors.dequantised())
        cosine = (unit @ unit[place])[None].astype(np.float32)
        cosine[0, place] = -np.inf
        items, scores = select(cosine, k)
        return items[0], scores[0]

    def label(self, place: int) -> str:
        """The id of an item, and its title where it has one."""
        title = "" if self.titles is None else self.titles[place]
        return f"{self.items[place]}  {title}".rstrip()

    def _filter(self, item_ids: Sequence[str] | None) -> np.ndarray | None:
        if item_ids is None:
            return None
        places = self.items.find(item_ids)
        missing = [name for name, place in zip(item_ids, places, strict=True) if place < 0]
        if missing:
            raise UserError(f"items that this bundle does not know: {', '.join(missing[:10])}.")
        return places


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows of length one; rows of zeros stay. Shapes: (n, r) -> (n, r) float32."""
    length = row_lengths(vectors)[:, None]
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def _once(places: np.ndarray) -> np.ndarray:
    """``places`` in their order, each where it stands first."""
    return places[np.sort(np.unique(places, return_index=True)[1])]


def load(folder: Path | str) -> Bundle:
    """Open a bundle memory-mapped, once all checksums hold.

    Raises UserError that names the file that is missing, truncated, altered, foreign or of a newer version.
    """
    folder = Path(folder)
    manifest = manifests.read(folder)
    try:
        parts = {name: _tensors(folder, name, entry) for name, entry in manifest["parts"].items()}
        return _bundle(manifest, parts["model"], parts.get("people", {}))
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise UserError(
            f"{folder / manifests.NAME} does not describe this bundle: {error} is missing or wrong."
        ) from error


def _tensors(folder: Path, name: str, entry: dict[str, Any]) -> dict[str, np.ndarray]:
    return safetensors.read(manifests.checked_file(folder, name, entry))


def _bundle(manifest: dict[str, Any], model: tensors.Tensors, people: tensors.Tensors) -> Bundle:
    items = tensors.strings(model, "item_ids")
    if items is None:
        raise KeyError("item_ids")
    return Bundle(
        manifest=manifest,
        model=tensors.model(model, people, FoldIn(**manifest["fold_in"])),
        items=items,
        users=tensors.strings(people, "user_ids") or Strings.of(()),
        histories=read_histories(people, model["popularity"]),
        titles=tensors.strings(model, "titles"),
    )
