import numpy as np
import pytest
from planted_models import GIVEN, RANK, served

from recsmith.compress import allocate
from recsmith.compress.allocate import dealt
from recsmith.compress.blend import blend
from recsmith.compress.contract import Knobs
from recsmith.compress.product import quantise
from recsmith.compress.tie import tied
from recsmith.config.compress import Export
from recsmith.serving.model import ServingModel


def model_of(family: str) -> ServingModel:
    low = served("filter", Export(rank=RANK, top_k=0))[0]
    if family == "blend":
        return blend([(1.0, low), (0.5, served("gnn")[0])], low.popularity)
    return tied(low) if family == "tied" else served("gnn")[0]


@pytest.mark.parametrize("family", ["gnn", "tied", "blend"])
def test_columns_that_are_dealt_to_books_leave_every_score(family: str) -> None:
    model, known = model_of(family), GIVEN.known()
    for count in (2, 3, 100):
        turned = allocate.compress(model, GIVEN, Knobs("product", bytes_a_row=count))
        np.testing.assert_allclose(turned.scores(known), model.scores(known), atol=1e-3)
    assert allocate.compress(model, GIVEN, Knobs("int8")) is model


@pytest.mark.parametrize("width", [1, 3, 4, 7])
def test_books_get_every_column_once_and_about_the_same_product_of_variances(width: int) -> None:
    variance = np.random.default_rng(0).lognormal(sigma=2, size=12)
    order = dealt(variance, width)
    assert np.array_equal(np.sort(order), np.arange(12))
    if width in (3, 4):
        even = np.log(variance[order]).reshape(-1, width).sum(axis=1)
        plain = np.log(np.sort(variance)).reshape(-1, width).sum(axis=1)
        assert np.ptp(even) < 0.2 * np.ptp(plain)


def test_product_codes_lose_less_of_columns_that_are_correlated_and_uneven() -> None:
    rng = np.random.default_rng(1)
    values = (rng.normal(size=(3000, 8)) * 2.0 ** -np.arange(8)) @ np.linalg.qr(rng.normal(size=(8, 8)))[0]
    values = values.astype(np.float32)
    moments = values.T @ values
    variance, axes = np.linalg.eigh(moments)
    turned = values @ axes[:, dealt(variance, 4)]

    def loss(rows: np.ndarray) -> float:
        stored = quantise(rows.astype(np.float32), 2, np.ones(len(rows), np.float32), 7)
        return float(np.mean((stored.dequantised() - rows) ** 2))

    assert loss(turned) < 0.8 * loss(values)
