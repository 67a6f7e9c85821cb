from dataclasses import replace

import numpy as np
import pytest
from planted_models import GIVEN, N_ITEMS, N_USERS, graph, served

from recsmith.compress import refit
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.histories import histories
from recsmith.compress.methods import Recipe
from recsmith.config.compress import Precision
from recsmith.errors import UserError
from recsmith.serving.model import Batch, ServingModel, top_k
from recsmith.serving.tables import Table

RANK = 16


def trained() -> ServingModel:
    """Vectors of 16 numbers without any structure; one person has none."""
    rng = np.random.default_rng(3)
    items, users = rng.normal(size=(N_ITEMS, RANK)), rng.normal(size=(N_USERS - 1, RANK))
    return replace(
        served("gnn")[0], item_vectors=Table(items.astype(np.float32)), user_vectors=Table(users.astype(np.float32))
    )


def kept(model: ServingModel, teacher: ServingModel) -> float:
    pairs = zip(top_k(model, GIVEN.histories, 5)[0], top_k(teacher, GIVEN.histories, 5)[0], strict=True)
    return float(np.mean([len(set(one) & set(other)) / 5 for one, other in pairs]))


@pytest.mark.parametrize("precision", ["int1", "int2"])
def test_people_fitted_to_what_items_became_keep_more_of_their_lists_at_the_same_bytes(precision: Precision) -> None:
    teacher = trained()
    plain, once = (Recipe(Knobs(precision, refit=rounds)).apply({"exact": teacher}, GIVEN) for rounds in (0, 1))
    assert kept(once, teacher) > kept(plain, teacher) + 0.05
    assert once.model_bytes == plain.model_bytes
    assert once.user_vectors is not None
    assert plain.user_vectors is not None
    assert once.user_vectors.nbytes == plain.user_vectors.nbytes


@pytest.mark.parametrize("precision", ["int8", "reranked"])
def test_items_that_lost_next_to_nothing_keep_their_people_and_fewer_columns_do_not(precision: Precision) -> None:
    teacher = trained()
    plain, fitted = (Recipe(Knobs(precision, refit=rounds)).apply({"exact": teacher}, GIVEN) for rounds in (0, 1))
    assert plain.user_vectors is not None
    assert fitted.user_vectors is not None
    assert np.array_equal(plain.user_vectors.dequantised(), fitted.user_vectors.dequantised())
    fewer = Knobs(precision, sparsity=0.5, pruner="SVD")
    cut, better = (Recipe(replace(fewer, refit=rounds)).apply({"exact": teacher}, GIVEN) for rounds in (0, 1))
    assert kept(better, teacher) > kept(cut, teacher)


def test_whoever_is_folded_in_and_people_in_floats_stay_as_they_are() -> None:
    for model in (served("filter")[0], trained()):
        given = replace(GIVEN, teacher=model)
        assert refit.compress(model, given, Knobs(refit=1)) is model
    small = Recipe(Knobs("int2")).apply({"exact": trained()}, GIVEN)
    assert refit.compress(small, GIVEN, Knobs(refit=1)) is small


def test_people_cannot_be_fitted_without_histories() -> None:
    small = Recipe(Knobs("int2")).apply({"exact": trained()}, GIVEN)
    nobody = Calibration(Batch(np.zeros(3, np.int64), np.zeros(0, np.int32)), teacher=trained())
    with pytest.raises(UserError, match="no histories to calibrate on"):
        refit.compress(small, nobody, Knobs(refit=1))


def test_somebody_who_has_seen_everything_is_fitted_to_what_there_is() -> None:
    teacher, given = trained(), histories(graph())
    everything = Batch(
        np.concatenate(([0], given.indptr[1:] - given.indptr[1] + N_ITEMS)),
        np.concatenate((np.arange(N_ITEMS), given.indices[given.indptr[1] :])),
        None,
        given.users,
    )
    small = Recipe(Knobs("int1", refit=2)).apply({"exact": teacher}, Calibration(everything))
    assert small.user_vectors is not None
    assert np.isfinite(small.user_vectors.dequantised()).all()
