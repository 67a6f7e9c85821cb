from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from planted_models import GIVEN, RANK, served

from recsmith.compress import simulated
from recsmith.compress.blend import blend
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.methods import Recipe
from recsmith.compress.tie import tied
from recsmith.config.compress import Export, Precision, Quantiser, Tune
from recsmith.errors import UserError
from recsmith.serving.model import Batch, ServingModel
from recsmith.serving.packed import PackedTable
from recsmith.serving.tables import Table
from recsmith.serving.tied import TiedTable

TUNE = Tune(epochs=2)


def model_of(family: str) -> ServingModel:
    if family == "gnn":
        return served("gnn")[0]
    if family == "both":
        return served("filter")[0]
    low = served("filter", Export(rank=RANK, top_k=0))[0]
    if family == "blend":
        return blend([(1.0, low), (0.5, served("gnn")[0])], low.popularity)
    return tied(low) if family == "tied" else low


def as_simulated(model: ServingModel, knobs: Knobs) -> dict[str, Any]:
    """The tables that NNI's simulation gives, in float32."""
    found = simulated.simulation(model, GIVEN, knobs)
    with torch.no_grad():
        tables = {name: Table(table().numpy().copy()) for name, table in found.tables.items()}
    tie = model.projection
    return {**tables, "projection": tie.on(tables["item_vectors"])} if isinstance(tie, TiedTable) else tables


@pytest.mark.parametrize("family", ["gnn", "low rank", "tied", "both", "blend"])
@pytest.mark.parametrize("precision", ["int8", "int4", "int2"])
@pytest.mark.parametrize("quantiser", ["ptq", "qat"])
def test_what_is_stored_answers_as_the_simulated_model(quantiser: Quantiser, precision: Precision, family: str) -> None:
    model, knobs = model_of(family), Knobs(precision, quantiser=quantiser, tune=TUNE)
    small = simulated.compress(model, GIVEN, knobs)
    wanted = replace(model, sparse=small.sparse, **as_simulated(model, knobs))
    known = GIVEN.known()
    np.testing.assert_allclose(small.scores(known), wanted.scores(known), atol=1e-5)
    items = small.item_vectors
    assert isinstance(items, Table if precision == "int8" else PackedTable)
    assert items.precision == precision
    assert items.scale is not None
    assert items.scale.dtype == np.float32
    assert small.model_bytes < model.model_bytes
    if small.user_vectors is not None:
        assert small.user_vectors.precision == "int8"


def test_calibrated_scales_are_those_of_the_largest_number_of_each_row() -> None:
    model = served("gnn")[0]
    small = simulated.compress(model, GIVEN, Knobs("int8", quantiser="ptq"))
    assert model.item_vectors is not None
    assert isinstance(small.item_vectors, Table)
    assert small.item_vectors.scale is not None
    largest = np.abs(model.item_vectors.dequantised()).max(axis=1)
    np.testing.assert_allclose(small.item_vectors.scale, largest / 127, rtol=1e-6)


def test_training_as_it_will_be_stored_ends_nearer_to_the_teacher_than_calibration() -> None:
    model = served("gnn")[0]
    known = GIVEN.known()
    hard = Knobs("int2", quantiser="qat", tune=Tune(epochs=40, learning_rate=0.05))
    teacher = np.argsort(-model.scores(known), axis=1)[:, :10]

    def kept(small: ServingModel) -> float:
        own = np.argsort(-small.scores(known), axis=1)[:, :10]
        return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(own, teacher, strict=True)]))

    given = replace(GIVEN, teacher=model)
    trained, calibrated = (simulated.compress(model, given, replace(hard, quantiser=name)) for name in ("qat", "ptq"))
    assert kept(trained) > kept(calibrated)
    again = simulated.compress(model, given, hard)
    assert np.array_equal(again.scores(known), trained.scores(known))


def test_a_recipe_says_who_found_its_scales_and_one_bit_keeps_its_own() -> None:
    recipe = Recipe(Knobs("int8", quantiser="qat", tune=TUNE))
    assert recipe.name == "tuned 2 times, int8 by qat"
    assert not Knobs("int1", quantiser="qat").simulated
    small = recipe.apply({"exact": served("gnn")[0]}, GIVEN)
    direct = simulated.compress(served("gnn")[0], GIVEN, recipe.knobs)
    assert np.array_equal(small.scores(GIVEN.histories), direct.scores(GIVEN.histories))


@pytest.mark.parametrize("tune", [Tune(), Tune(epochs=1, top=True)])
def test_training_without_epochs_or_of_the_top_alone_is_refused(tune: Tune) -> None:
    with pytest.raises(UserError, match=r"compress\.quantiser = qat"):
        simulated.compress(served("gnn")[0], GIVEN, Knobs("int8", quantiser="qat", tune=tune))


@pytest.mark.parametrize("quantiser", ["ptq", "qat"])
def test_calibration_data_that_is_empty_is_refused(quantiser: Quantiser) -> None:
    nobody = Calibration(Batch(np.zeros(3, np.int64), np.zeros(0, np.int32)))
    with pytest.raises(UserError, match=r"no histories to calibrate on.*compress\.quantiser"):
        simulated.compress(served("gnn")[0], nobody, Knobs("int8", quantiser=quantiser, tune=TUNE))


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan])
def test_scales_that_are_not_positive_are_refused(scale: float) -> None:
    found = simulated.simulation(served("gnn")[0], GIVEN, Knobs("int8", quantiser="ptq"))
    table: Any = found.tables["item_vectors"]
    table._nni_wrapper.quantization_target_spaces["weight"].scale[3] = scale
    with pytest.raises(UserError, match="scales of item_vectors that are zero, negative or not finite"):
        simulated.stored("item_vectors", table)
