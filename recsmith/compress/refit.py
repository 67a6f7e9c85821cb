"""People's stored vectors, fitted anew to what the items have become; they lie apart from the model, at no cost to it.

A person's vector need not be the one that was trained: any that puts the items of their list in order will do. Solved
for the items as they are stored, it makes up for most of what these lost, as the user step of alternating least squares
does (Hu, Koren, Volinsky 2008, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.quantised import quantise
from recsmith.serving.model import Batch, ServingModel, top_k
from recsmith.serving.reranked import RerankedTable
from recsmith.serving.tables import Table
from recsmith.serving.vector_table import VectorTable

PEOPLE = 256
"""Solved at a time."""
LISTED = 50
"""Items of the exported model's list that a vector is fitted to, and as many that it would list itself."""
BACKGROUND = 0.1
"""Weight of all items together; the two kinds of lists share the rest."""
NEAR = 0.003
"""Weight of where a vector was, times the mean diagonal of its equations."""
TINY = 1e-12


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """``model`` with vectors of people that give the scores of the exported model again, after ``knobs.refit`` rounds.

    Whoever is folded in has no vector to fit; items in floats, or in eight bits with all their columns, lost nothing
    that is worth it. Then, and where ``knobs.refit`` is 0, the model stays as it is. UserError where there are no
    histories.
    """
    stored, teacher = model.user_vectors, calibration.teacher
    if not knobs.refit or teacher is None or model.projected or model.sparse is not None:
        return model
    if not isinstance(stored, Table) or stored.scale is None or _as_good(model, teacher):
        return model
    known, vectors, means = calibration.known(), stored.dequantised(), _Means.of(model, teacher)
    assert known.users is not None
    for start in range(0, len(known), PEOPLE):
        batch = known.part(start, min(start + PEOPLE, len(known)))
        vectors[batch.users] = _fitted(model, teacher, means, batch, vectors[batch.users], knobs.refit)
    return replace(model, user_vectors=quantise(vectors))


@dataclass(frozen=True)
class _Means:
    """Over all items. Shapes: own (r,) and taught (t,) of the rows as stored and of the teacher's; gram (r, r) of the
    stored with themselves, cross (r, t) with the teacher's."""

    own: np.ndarray
    taught: np.ndarray
    gram: np.ndarray
    cross: np.ndarray

    @classmethod
    def of(cls, model: ServingModel, teacher: ServingModel) -> _Means:
        items, others = _items(model), _items(teacher)
        cross, own, taught = np.zeros((model.rank, teacher.rank)), np.zeros(model.rank), np.zeros(teacher.rank)
        for part in items.parts():
            rows, wanted = items.rows(part), others.rows(part)
            cross += rows.T @ wanted
            own += rows.sum(axis=0)
            taught += wanted.sum(axis=0)
        return cls(own / model.n_items, taught / model.n_items, items.gram() / model.n_items, cross / model.n_items)


def _fitted(
    model: ServingModel, teacher: ServingModel, means: _Means, batch: Batch, before: np.ndarray, rounds: int
) -> np.ndarray:
    """Vectors of a batch, (B, r) as they were and as they are best. Each round adds what they would list wrongly."""
    count, wanted = min(LISTED, model.n_items), teacher.vectors(batch)
    listed, vectors = top_k(teacher, batch, count)[0], before
    for own in range(1, rounds + 1):
        present = replace(model, user_vectors=Table(vectors))
        more, _ = top_k(present, replace(batch, users=np.arange(len(batch))), count)
        listed = np.concatenate((listed, more), axis=1)
        weight = np.repeat([0.5, *[0.5 / own] * own], count) * (listed >= 0)
        weight *= (1 - BACKGROUND) / np.maximum(weight.sum(axis=1, keepdims=True), TINY)
        rows = _rows(_items(model), listed)
        scores = (_rows(_items(teacher), listed) @ wanted[:, :, None])[:, :, 0]
        vectors = _solved(rows, scores, weight.astype(np.float32), wanted, means, before)
    return vectors


def _solved(
    rows: np.ndarray, scores: np.ndarray, weight: np.ndarray, wanted: np.ndarray, means: _Means, before: np.ndarray
) -> np.ndarray:
    """Weighted least squares on scores about their mean, since no order depends on it.

    Shapes: rows (B, c, r) listed items, scores and weight (B, c) theirs, wanted (B, t) teacher's vectors, before (B, r)
    -> (B, r) float32.
    """
    weighed = weight[:, :, None] * rows
    mean = weighed.sum(axis=1) + BACKGROUND * means.own
    level = (weight * scores).sum(axis=1) + BACKGROUND * wanted @ means.taught
    left = weighed.transpose(0, 2, 1) @ rows + BACKGROUND * means.gram - mean[:, :, None] * mean[:, None]
    right = (weighed * scores[:, :, None]).sum(axis=1) + BACKGROUND * wanted @ means.cross.T - mean * level[:, None]
    near = NEAR * np.trace(left, axis1=1, axis2=2) / left.shape[1] + TINY
    left += near[:, None, None] * np.eye(left.shape[1])
    return np.linalg.solve(left, (right + near[:, None] * before)[:, :, None])[:, :, 0].astype(np.float32)


def _as_good(model: ServingModel, teacher: ServingModel) -> bool:
    """Whether the items have all their columns in eight bits: a fit would cost more than they lost."""
    items = _items(model)
    scored = items.exact if isinstance(items, RerankedTable) else items
    return model.rank == teacher.rank and scored.precision == "int8"


def _items(model: ServingModel) -> VectorTable:
    assert model.item_vectors is not None
    return model.item_vectors


def _rows(table: VectorTable, places: np.ndarray) -> np.ndarray:
    """Rows at places (B, c), of which -1 is any. Shapes: -> (B, c, r)."""
    return table.rows(np.maximum(places, 0).ravel()).reshape(*places.shape, -1)
