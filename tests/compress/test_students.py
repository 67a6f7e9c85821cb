"""Smaller models that learn from the winner."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.export import export
from recsmith.compress.forms import made, models_of, named_forms
from recsmith.compress.histories import histories
from recsmith.compress.methods import Recipe
from recsmith.compress.origin import Origin
from recsmith.config.compress import Compress, Export, Student
from recsmith.engine.fit import FitSettings, Fitted, fit
from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.model.architecture import Architecture, Blend, Filter, Gnn
from recsmith.model.architecture import architecture as read
from recsmith.serving.model import ServingModel, top_k

USERS, ITEMS, TASTES = 120, 96, 6
SETTINGS = FitSettings(seed=5, device="cpu", threads=1, batch_size=128, memory_mb=200)
TEACHER = Gnn(
    operators=("lightgcn", "lightgcn"),
    dimension=16,
    loss="sampled_softmax",
    temperature=0.2,
    negatives=16,
    learning_rate=0.02,
    weight_decay=0.01,
)
RIDGE = Filter(kind="ridge", l2=20.0)
BLEND = Blend(parts=(TEACHER, RIDGE), weights=(1.0, 1.0), epochs=(3, 0))
EPOCHS = 15
"""Of the students: too few to learn as much from the interactions alone."""


@cache
def planted() -> Graph:
    """People like every item of their taste a little, and some more than others; the last user and item have none."""
    rng = np.random.default_rng(3)
    taste = np.arange(USERS)[:, None] % TASTES == np.arange(ITEMS)[None] % TASTES
    popular = rng.beta(1, 2, ITEMS)
    touched = rng.random((USERS, ITEMS)) < np.where(taste, 0.2 + 0.7 * popular, 0.05 * popular)
    touched[-1], touched[:, -1] = False, False
    users, items = np.nonzero(touched)
    return from_edges(users, items, USERS, ITEMS)


@cache
def _winner(key: str) -> Fitted:
    chosen = read(json.loads(key))
    return fit(chosen, planted(), replace(SETTINGS, epochs=30))


def winner(architecture: Architecture) -> Fitted:
    return _winner(architecture.model_dump_json())


def origin(architecture: Architecture, params: Compress, said: list[str] | None = None) -> Origin:
    fitted = winner(architecture)
    exact = next(iter(export(fitted.model, planted(), params.export, 7, 200).values()))
    return Origin(fitted, planted(), SETTINGS, exact, params, ([] if said is None else said).append)


def asked(*forms: Any, **student: Any) -> Compress:
    chosen = {"dimensions": (8,), "epochs": EPOCHS, "weight": 3.0} | student
    return Compress(forms=forms, student=Student(**chosen), edges=(0.3,), export=Export(rank=24, top_k=0))


def models(architecture: Architecture, params: Compress) -> dict[str, ServingModel]:
    return models_of(made(named_forms(params, architecture, print), origin(architecture, params)))


def agreement(model: ServingModel, architecture: Architecture, params: Compress) -> float:
    """The share of the teacher's first ten items that are among the model's."""
    known = Calibration(histories(planted())).known()
    teacher = origin(architecture, params).exact
    pairs = zip(top_k(model, known, 10)[0], top_k(teacher, known, 10)[0], strict=True)
    return float(np.mean([len(set(one) & set(other)) / 10 for one, other in pairs]))


EVERY = asked("smaller", "distilled", "graph_free", distil=("rank", "layers"))


@pytest.fixture(scope="module")
def students() -> dict[str, ServingModel]:
    return models(TEACHER, EVERY)


def test_students_of_the_winner_are_nearer_to_its_lists_than_one_of_the_interactions_alone(
    students: dict[str, ServingModel],
) -> None:
    found = {name: agreement(model, TEACHER, EVERY) for name, model in students.items()}
    assert list(found) == ["smaller 8", "distilled 8 by rank", "distilled 8 by layers", "graph-free 8"]
    assert found["distilled 8 by rank"] > found["smaller 8"] + 0.05
    assert found["graph-free 8"] > found["smaller 8"] + 0.05
    assert found["distilled 8 by layers"] > found["smaller 8"]


def test_layers_of_the_student_come_nearer_to_those_of_the_teacher(students: dict[str, ServingModel]) -> None:
    teacher = torch.cat([getattr(winner(TEACHER).model, name) for name in ("user_vectors", "item_vectors")])

    def missed(model: ServingModel) -> float:
        """What the best map of the student's vectors leaves of the teacher's, of people and items with edges."""
        assert model.user_vectors is not None
        assert model.item_vectors is not None
        own = np.concatenate([model.user_vectors.dequantised(), model.item_vectors.dequantised()[:-1]])
        inputs = torch.from_numpy(np.concatenate([own, np.ones((len(own), 1), np.float32)], axis=1))
        wanted = torch.cat([teacher[: USERS - 1], teacher[USERS:-1]])
        return float((inputs @ torch.linalg.lstsq(inputs, wanted).solution - wanted).square().mean())

    assert missed(students["distilled 8 by layers"]) < missed(students["smaller 8"])


@pytest.mark.parametrize("architecture", [TEACHER, RIDGE, BLEND], ids=["network", "filter", "blend"])
def test_a_student_without_a_graph_learns_the_lists_of_any_teacher(architecture: Architecture) -> None:
    params = asked("graph_free")
    (model,) = models(architecture, params).values()
    assert model.rank == 8
    assert model.projection is None
    assert agreement(model, architecture, params) > 0.6


def test_students_are_as_small_as_they_are_named_and_take_every_precision(students: dict[str, ServingModel]) -> None:
    exact = origin(TEACHER, EVERY).exact
    for name, model in students.items():
        assert model.rank == 8, name
        assert model.model_bytes == 4 * ITEMS * (8 + 1)
        small = Recipe(Knobs("int8"), name).apply({name: model}, Calibration(histories(planted())))
        assert small.model_bytes < model.model_bytes < exact.model_bytes


@pytest.mark.parametrize("form", ["smaller", "distilled", "graph_free", "edges"])
def test_a_form_repeats_itself_and_leaves_its_teacher_alone(form: str) -> None:
    params = asked(form, distil=("rank", "layers"), epochs=1)
    given = origin(TEACHER, params)
    learnt = given.fitted.learnt
    assert learnt is not None
    before = {name: value.clone() for name, value in learnt.items()}
    one, two = (models_of(made(named_forms(params, TEACHER, print), given)) for _ in range(2))
    everybody = histories(planted())
    for name, model in one.items():
        assert np.array_equal(model.scores(everybody), two[name].scores(everybody)), name
    assert all(torch.equal(value, learnt[name]) for name, value in before.items())


def test_a_network_on_a_thinner_graph_says_what_it_saves() -> None:
    params, said = asked("edges"), list[str]()
    forms = named_forms(params, TEACHER, said.append)
    (model,) = models_of(made(forms, origin(TEACHER, params, said))).values()
    edges = planted().n_edges
    kept = edges - round(0.3 * edges)
    assert said[1] == f"edges 70%: edges {edges:,} -> {kept:,}"
    assert f"multiply-adds of a propagation {4 * 16 * edges:,} -> {4 * 16 * kept:,}" in said[2]
    exact = origin(TEACHER, params).exact
    assert model.model_bytes == exact.model_bytes
    assert not np.array_equal(model.scores(histories(planted())), exact.scores(histories(planted())))
    assert agreement(model, TEACHER, params) > 0.7


def test_a_filter_is_fitted_to_a_thinner_graph_and_asked_with_whole_histories() -> None:
    params = asked("edges")
    (model,) = models(RIDGE, params).values()
    assert np.array_equal(model.popularity, origin(RIDGE, params).exact.popularity)
    assert agreement(model, RIDGE, params) > 0.7


def valid() -> Relevant:
    """Two items of the taste of each user that the user has not touched."""
    seen, rng = planted().binary.toarray() > 0, np.random.default_rng(4)
    pairs = [
        (user, item)
        for user in range(USERS - 1)
        for item in rng.permutation(np.flatnonzero(~seen[user] & (np.arange(ITEMS) % TASTES == user % TASTES)))[:2]
    ]
    users, items = np.transpose(pairs)
    return from_pairs(users, items, USERS, ITEMS)


@pytest.mark.parametrize("form", ["smaller", "distilled"])
def test_a_student_of_the_candidate_stops_early_and_that_of_the_final_model_trains_as_long(form: str) -> None:
    params, said = asked(form, epochs=0), list[str]()
    given = replace(origin(TEACHER, params, said), settings=replace(SETTINGS, max_epochs=40, patience=2))
    forms = named_forms(params, TEACHER, print)
    candidate = made(forms, replace(given, valid=valid()))
    ((name, small),) = candidate.items()
    words = said[-1].replace(",", "").split()
    trained, kept = int(words[words.index("trained") + 1]), int(words[words.index("epoch") + 1])
    assert kept == small.epochs
    assert trained == max(kept, 1) + 4 - kept % 2
    assert trained < 40
    made(forms, given, candidate=candidate)
    assert f"{name}: trained {kept} epochs, kept epoch {kept}" in said[-1]
    fixed = replace(given, valid=valid(), params=asked(form, epochs=3))
    assert made(forms, fixed)[name].epochs == 0
    assert f"{name}: trained 3 epochs, kept epoch 3" in said[-1]


def test_the_student_of_a_filter_needs_no_number_of_epochs_where_valid_stops_it() -> None:
    params = asked("graph_free", epochs=0)
    given = replace(origin(RIDGE, params), settings=replace(SETTINGS, max_epochs=6), valid=valid())
    (form,) = made(named_forms(params, RIDGE, print), given).values()
    assert 1 <= form.epochs <= 6


def test_epochs_are_those_of_the_winner_where_nothing_stops_a_student() -> None:
    said: list[str] = []
    params = asked("smaller", epochs=0)
    given = origin(TEACHER, params, said)
    made(named_forms(params, TEACHER, said.append), replace(given, fitted=replace(given.fitted, epochs=2)))
    assert said[-1].startswith("smaller 8: trained 2 epochs, kept epoch 2, loss ")


@pytest.mark.parametrize(
    ("form", "architecture", "why"),
    [
        ("smaller", RIDGE, "smaller trains a network with shorter vectors; the winner is a filter"),
        ("distilled", RIDGE, "distilled trains a network with shorter vectors; the winner is a filter"),
        ("distilled", BLEND, "the winner is a blend"),
        ("slim", RIDGE, "slim prunes networks as a whole; the winner is a filter"),
        ("edges", BLEND, "edges thins the graph of one network or filter; the winner is a blend"),
    ],
)
def test_a_form_that_the_winner_cannot_have_is_left_out_with_a_sentence(
    form: str, architecture: Architecture, why: str
) -> None:
    said: list[str] = []
    assert named_forms(asked(form), architecture, said.append) == {}
    assert len(said) == 1
    assert why in said[0]
    assert "left out" in said[0]


@pytest.mark.parametrize(
    ("params", "architecture", "message"),
    [
        (asked("smaller", dimensions=(16,)), TEACHER, r"student\.dimensions: 16 is not smaller.*1 to 15"),
        (asked("distilled", dimensions=(8, 64)), TEACHER, r"student\.dimensions: 64 is not smaller.*1 to 15"),
        (asked("graph_free", dimensions=(17,)), TEACHER, r"17 is not smaller.*1 to 16"),
        (asked("graph_free", dimensions=(25,)), RIDGE, r"25 is not smaller.*1 to 24"),
        (asked("smaller", dimensions=(3,)), TEACHER.model_copy(update={"operators": ("gat",), "heads": 2}), "heads"),
    ],
)
def test_students_that_are_no_smaller_or_no_network_are_refused_before_any_is_trained(
    params: Compress, architecture: Architecture, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        named_forms(params, architecture, print)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"edges": (0.0,)}, "greater than 0"),
        ({"edges": (1.0,)}, "less than 1"),
        ({"student": {"dimensions": (0,)}}, "greater than or equal to 1"),
        ({"student": {"weight": 0.0}}, "greater than 0"),
        ({"student": {"distil": ("logits",)}}, "rank"),
        ({"forms": ("tiny",)}, "graph_free"),
    ],
)
def test_knobs_out_of_range_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Compress.model_validate(values)


@pytest.mark.parametrize(
    ("form", "change", "message"),
    [
        ("distilled", {"learnt": None}, "weights of the network are not there"),
        ("edges", {"learnt": None}, "weights of the network are not there"),
        ("smaller", {"epochs": 0}, r"student\.epochs"),
    ],
)
def test_what_a_form_needs_and_does_not_find_is_named(form: str, change: dict[str, Any], message: str) -> None:
    params = asked(form, epochs=0, distil=("layers",))
    given = origin(TEACHER, params)
    forms, broken = named_forms(params, TEACHER, print), replace(given, fitted=replace(given.fitted, **change))
    with pytest.raises(UserError, match=message):
        made(forms, broken)
