from dataclasses import replace

import numpy as np
import pytest
import torch
from planted_models import GIVEN, RANK, served

from recsmith.compress import levels, rounding, tune
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.learnt import Learnt
from recsmith.compress.methods import Recipe
from recsmith.compress.spread import spread
from recsmith.compress.tie import tied
from recsmith.config.compress import Export, Tune
from recsmith.errors import UserError
from recsmith.serving.model import Batch, ServingModel, top_k
from recsmith.serving.tied import TiedTable

LONG = Tune(epochs=40, learning_rate=0.05)


def model_of(family: str) -> ServingModel:
    model = served("gnn" if family == "gnn" else "filter", Export(rank=RANK, top_k=0))[0]
    return tied(model) if family == "tied" else model


def kept(model: ServingModel, teacher: ServingModel) -> float:
    """The share of the teacher's lists that is kept."""
    pairs = zip(top_k(model, GIVEN.histories, 10)[0], top_k(teacher, GIVEN.histories, 10)[0], strict=True)
    return float(np.mean([len(set(one) & set(other)) / 10 for one, other in pairs]))


@pytest.mark.parametrize("family", ["gnn", "filter", "tied"])
def test_a_network_of_the_tables_makes_the_scores_that_serve(family: str) -> None:
    model = model_of(family)
    known = GIVEN.known()
    queries, items = Learnt(model, "float32", top=False)(known)
    np.testing.assert_allclose((queries @ items.T).detach().numpy(), model.scores(known), atol=1e-4)
    again = Learnt(model, "float32", top=False).back()
    np.testing.assert_allclose(again.scores(known), model.scores(known), atol=1e-4)


@pytest.mark.parametrize("family", ["gnn", "tied"])
def test_fine_tuning_wins_back_lists_that_one_bit_lost(family: str) -> None:
    teacher = model_of(family)
    plain, tuned = (Recipe(Knobs("int1", tune=knobs)).apply({"exact": teacher}, GIVEN) for knobs in (Tune(), LONG))
    assert kept(tuned, teacher) > kept(plain, teacher)
    assert tuned.model_bytes == plain.model_bytes


def test_fine_tuning_repeats_itself_and_leaves_what_it_is_given_alone() -> None:
    model = model_of("gnn")
    before = model.scores(GIVEN.histories)
    knobs = Knobs("int4", tune=Tune(epochs=2, adversarial=1.0))
    one, two = tune.compress(model, GIVEN, knobs), tune.compress(model, GIVEN, knobs)
    assert np.array_equal(one.scores(GIVEN.histories), two.scores(GIVEN.histories))
    assert np.array_equal(model.scores(GIVEN.histories), before)
    assert not np.array_equal(one.scores(GIVEN.histories), before)


@pytest.mark.parametrize("family", ["gnn", "filter"])
def test_the_top_alone_leaves_every_item_vector_frozen(family: str) -> None:
    model = model_of(family)
    small = tune.compress(model, GIVEN, Knobs(tune=Tune(epochs=2, top=True)))
    assert small.item_vectors is not None
    assert model.item_vectors is not None
    assert np.array_equal(small.item_vectors.dequantised(), model.item_vectors.dequantised())
    assert not np.allclose(small.scores(GIVEN.histories), model.scores(GIVEN.histories))


def test_a_tied_filter_has_no_top_of_its_own() -> None:
    with pytest.raises(UserError, match=r"compress\.tune\.top"):
        tune.compress(model_of("tied"), GIVEN, Knobs(tune=Tune(epochs=1, top=True)))


def test_l2_holds_a_model_near_where_it_was() -> None:
    model = model_of("gnn")
    free, held = (
        tune.compress(model, GIVEN, Knobs("int1", tune=Tune(epochs=10, l2=l2))).item_vectors for l2 in (0.0, 1e4)
    )
    assert free is not None
    assert held is not None
    assert model.item_vectors is not None
    start = model.item_vectors.dequantised()
    assert np.abs(held.dequantised() - start).mean() < 0.5 * np.abs(free.dequantised() - start).mean()


def test_few_people_are_enough_and_none_are_refused() -> None:
    model = model_of("gnn")
    few = tune.compress(model, GIVEN, Knobs(tune=Tune(epochs=1, people=5)))
    assert few.user_vectors is not None
    assert model.user_vectors is not None
    changed = (few.user_vectors.dequantised() != model.user_vectors.dequantised()).any(axis=1)
    assert changed.sum() == 5
    nobody = Calibration(Batch(np.zeros(3, np.int64), np.zeros(0, np.int32)))
    with pytest.raises(UserError, match="no histories to calibrate on"):
        tune.compress(model, nobody, Knobs(tune=Tune(epochs=1)))


@pytest.mark.parametrize(("precision", "bits"), [("int4", 4), ("int2", 2), ("int1", 1)])
def test_what_training_sees_is_what_is_stored(precision: str, bits: int) -> None:
    values = np.random.default_rng(0).normal(size=(200, 16)).astype(np.float32)
    seen = rounding.Rounding(precision)
    seen.fit(torch.from_numpy(values))
    stored = levels.quantise(values, bits).dequantised()
    np.testing.assert_allclose(seen(torch.from_numpy(values)).numpy(), stored, rtol=2e-3, atol=2e-3)


def test_a_tie_outlives_turning_and_tuning() -> None:
    small = tune.compress(spread(model_of("tied"), 1), GIVEN, Knobs("int2", tune=Tune(epochs=1)))
    assert isinstance(small.projection, TiedTable)
    assert small.projection.base is small.item_vectors


def test_nothing_is_tuned_where_there_is_nothing_to_learn() -> None:
    both = served("filter")[0]
    assert tune.compress(both, GIVEN, Knobs(tune=LONG)) is both
    sparse = replace(both, item_vectors=None, projection=None)
    assert tune.compress(sparse, GIVEN, Knobs(tune=LONG)) is sparse
