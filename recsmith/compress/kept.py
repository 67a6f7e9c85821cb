"""Rows of recipes that were measured, one file each, so that a stage that was ended goes on where it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from recsmith.compress.choose import Row
from recsmith.compress.contract import Calibration
from recsmith.compress.judge import Judge
from recsmith.compress.methods import Recipe
from recsmith.errors import UserError
from recsmith.files import digest, read_json, write_json
from recsmith.hashes import arrays_hash, code_hash
from recsmith.serving import tensors
from recsmith.serving.model import Batch, ServingModel
from recsmith.serving.table_tensors import of_table

KNOWN_BY_RECIPE = ("recipe", "export", "trial")


@dataclass(frozen=True)
class Kept:
    """The rows of one export on one valid."""

    folder: Path

    @classmethod
    def of(cls, work: Path, exported: Mapping[str, ServingModel], judge: Judge, calibration: Calibration) -> Kept:
        """The rows below ``work`` that were measured of these forms, on this valid, by this code."""
        relevant, batches = judge.relevant, (judge.histories, calibration.histories)
        content = {
            "forms": {name: content_of(model) for name, model in exported.items()},
            "valid": arrays_hash(relevant.indptr, relevant.indices, relevant.cold),
            "histories": [_batch(batch) for batch in batches],
            "cutoffs": sorted(judge.cutoffs),
            "exact": judge.exact,
            "metric": judge.metric,
            "seed": calibration.seed,
            "code": code_hash(),
        }
        return cls(work / digest(content))

    def load(self, recipe: Recipe, *, export: bool) -> Row | None:
        """The row of a recipe; None where there is none that can be read."""
        try:
            found = read_json(self._path(recipe))
            return Row(recipe, export, **{**found, "interval": tuple(found["interval"])})
        except (UserError, TypeError, KeyError):
            return None

    def save(self, row: Row) -> None:
        """Write a row, whole or not at all."""
        names = (field.name for field in fields(row) if field.name not in KNOWN_BY_RECIPE)
        write_json(self._path(row.recipe), {name: getattr(row, name) for name in names})

    def _path(self, recipe: Recipe) -> Path:
        return self.folder / f"{digest(repr(recipe))}.json"


def content_of(model: ServingModel) -> dict[str, str]:
    """A name for the content of each tensor of a model."""
    parts = {**tensors.of_model(model), **of_table("user_vectors", model.user_vectors)}
    return {name: arrays_hash(values) for name, values in parts.items()} | {"fold_in": repr(model.fold_in)}


def _batch(batch: Batch) -> str:
    users = np.zeros(0) if batch.users is None else batch.users
    return arrays_hash(batch.indptr, batch.indices, batch.values, users)
