from dataclasses import replace

import numpy as np
import pytest
import torch
from planted_models import GIVEN, N_ITEMS, served

from recsmith.compress.teacher import LISTED, Teacher
from recsmith.config.compress import Export
from recsmith.serving.model import Batch, ServingModel, top_k


def model_of(family: str) -> ServingModel:
    model = served("gnn" if family == "gnn" else "filter", Export(rank=8, top_k=12))[0]
    return replace(model, item_vectors=None, projection=None) if family == "sparse" else model


@pytest.mark.parametrize("family", ["gnn", "filter", "sparse"])
def test_a_lesson_holds_the_list_that_the_teacher_serves_and_its_shares(family: str) -> None:
    model, people, rows = model_of(family), GIVEN.known(), np.array([4, 0, 7])
    lesson = Teacher(model, people).lesson(rows, np.random.default_rng(0))
    listed = top_k(model, people.take(rows), LISTED)[0]
    assert np.array_equal(lesson.listed.numpy()[listed >= 0], listed[listed >= 0])
    assert lesson.drawn.shape == (8 * LISTED,)
    scores = model.scores(people.take(rows))
    items = np.concatenate((lesson.listed.numpy(), np.tile(lesson.drawn.numpy(), (3, 1))), axis=1)
    history = np.zeros(scores.shape, bool)
    history[people.take(rows).rows, people.take(rows).indices] = True
    seen = np.take_along_axis(history, items, axis=1)
    assert np.array_equal(lesson.seen.numpy(), seen)
    expected = np.where(seen, -np.inf, np.take_along_axis(scores, items, axis=1) / lesson.spread.numpy())
    shares = np.exp(expected - expected.max(axis=1, keepdims=True))
    np.testing.assert_allclose(lesson.shares.numpy(), shares / shares.sum(axis=1, keepdims=True), atol=1e-5)


def test_nobody_is_nearer_to_the_teacher_than_the_teacher() -> None:
    model, people = model_of("gnn"), GIVEN.known()
    lesson = Teacher(model, people).lesson(np.arange(len(people)), np.random.default_rng(0))
    assert model.item_vectors is not None
    queries, items = torch.from_numpy(model.vectors(people)), torch.from_numpy(model.item_vectors.dequantised())
    noise = 0.3 * torch.randn(items.shape, generator=torch.Generator().manual_seed(0))
    assert lesson.loss(queries, items) < lesson.loss(queries, items + noise)
    assert lesson.loss(queries, items) < lesson.loss(queries, 2 * items), "the scale of the scores counts"


def test_who_has_seen_everything_teaches_nothing_that_is_no_number() -> None:
    everything = Batch(np.array([0, N_ITEMS]), np.arange(N_ITEMS), None, np.array([0]))
    lesson = Teacher(model_of("gnn"), everything).lesson(np.array([0]), np.random.default_rng(0))
    assert torch.isfinite(lesson.shares).all()
    assert (lesson.listed >= 0).all()
