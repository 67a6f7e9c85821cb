"""Blends: scores of the parts add up, in memory, on disk, and as they are served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.export import TIED, VECTORS, export
from recsmith.compress.histories import histories
from recsmith.compress.methods import Recipe
from recsmith.config.compress import Export
from recsmith.engine.blend import spread
from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.rank.ranking import top_lists
from recsmith.engine.store import load_model, save_model
from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.architecture import Blend, Filter, Gnn, architecture, describe
from recsmith.serving.model import Query, top_k
from recsmith.serving.tied import TiedTable

SETTINGS = FitSettings(device="cpu", threads=1, max_epochs=4, batch_size=64)
NETWORK = Gnn(operators=("lightgcn",), dimension=4, learning_rate=0.05)
RIDGE, LOW = Filter(kind="ridge", l2=5.0), Filter(kind="low_pass", rank=3)


@pytest.fixture(scope="module")
def graph() -> Graph:
    generator = np.random.default_rng(4)
    users, items = generator.integers(0, 29, 300), generator.integers(0, 25, 300)
    pairs = np.unique(np.stack([users, items]), axis=1)
    return from_edges(pairs[0], pairs[1], 30, 25)


def blend(*parts: Gnn | Filter, weights: tuple[float, ...] | None = None) -> Blend:
    epochs = tuple(3 if isinstance(part, Gnn) else 0 for part in parts)
    return Blend(parts=parts, weights=weights or (1.0,) * len(parts), epochs=epochs)


def test_scores_are_the_weighted_sum_of_the_parts_scores_over_their_spread(graph: Graph) -> None:
    fitted = fit(blend(NETWORK, RIDGE, weights=(1.0, 0.5)), graph, SETTINGS)
    filled = np.arange(29)
    expected = torch.zeros(29, 25)
    for part, weight in zip(fitted.parts, (1.0, 0.5), strict=True):
        expected += weight * part.model.scores(filled) / spread(part.model, filled, SETTINGS.seed)
    assert torch.allclose(fitted.model.scores(filled), expected, atol=1e-5)


def test_people_without_history_get_popularity(graph: Graph) -> None:
    fitted = fit(blend(NETWORK, RIDGE), graph, SETTINGS)
    assert np.array_equal(fitted.model.scores(np.array([29]))[0].numpy(), graph.degrees[1].astype(np.float32))


def test_each_network_is_trained_as_long_as_the_blend_says(graph: Graph) -> None:
    alone = fit(NETWORK, graph, FitSettings(**{**vars(SETTINGS), "epochs": 3}))
    part = fit(blend(RIDGE, NETWORK), graph, SETTINGS).parts[1]
    everyone = np.arange(30)
    assert part.epochs == 3
    assert torch.equal(part.model.scores(everyone), alone.model.scores(everyone))


def test_a_stored_blend_scores_as_it_did(graph: Graph, tmp_path: Path) -> None:
    fitted = fit(blend(NETWORK, RIDGE, weights=(1.0, 2.0)), graph, SETTINGS)
    save_model(fitted, tmp_path / "model", graph)
    loaded = load_model(tmp_path / "model", graph, SETTINGS)
    assert loaded.architecture == fitted.architecture
    assert torch.equal(loaded.model.scores(np.arange(30)), fitted.model.scores(np.arange(30)))


@pytest.mark.parametrize("parts", [(NETWORK, RIDGE), (LOW, NETWORK), (NETWORK, Gnn(dimension=3)), (LOW, RIDGE)])
def test_what_is_served_ranks_like_the_exact_blend(graph: Graph, parts: tuple[Any, ...]) -> None:
    fitted = fit(blend(*parts, weights=(1.0, 0.7)), graph, SETTINGS)
    forms = export(fitted.model, graph, Export(rank=25, top_k=25), SETTINGS.seed, 500)
    expected = top_lists(fitted.model, np.arange(30), 5, graph, memory_mb=500)
    for name, form in forms.items():
        found, _ = top_k(form, histories(graph), 5)
        assert (found == expected).mean() > (0.85 if name == TIED else 0.97)


def test_the_filter_of_a_blend_with_a_network_is_tied_to_its_own_columns(graph: Graph) -> None:
    fitted = fit(blend(NETWORK, RIDGE), graph, SETTINGS)
    forms = export(fitted.model, graph, Export(rank=25, top_k=0), SETTINGS.seed, 500)
    assert list(forms) == [VECTORS, TIED]
    plain, small = forms[VECTORS], forms[TIED]
    assert isinstance(small.projection, TiedTable)
    assert small.projection.base is small.item_vectors
    assert (small.projected, small.rank) == (plain.projected, plain.rank)
    assert small.model_bytes < plain.model_bytes
    everybody = histories(graph)
    assert np.corrcoef(small.scores(everybody).ravel(), plain.scores(everybody).ravel())[0, 1] > 0.99
    quantised = Recipe(Knobs("int4"), TIED).apply(forms, Calibration(everybody, 1))
    assert isinstance(quantised.projection, TiedTable)
    assert np.corrcoef(quantised.scores(everybody).ravel(), plain.scores(everybody).ravel())[0, 1] > 0.9


def test_people_who_are_not_stored_are_folded_in_by_both_parts(graph: Graph) -> None:
    fitted = fit(blend(NETWORK, LOW), graph, SETTINGS)
    model = next(iter(export(fitted.model, graph, Export(rank=25, top_k=0), SETTINGS.seed, 500).values()))
    assert (model.projected, model.rank) == (3, 7)
    items, scores = top_k(model, [Query(np.array([1, 2, 3]))], 5)
    assert not set(items[0]) & {1, 2, 3}
    assert np.isfinite(scores).all()


def test_a_blend_is_read_back_from_json_and_told_in_a_line() -> None:
    made = blend(NETWORK, RIDGE, weights=(1.0, 0.5))
    assert architecture(made.model_dump(mode="json")) == made
    assert describe(made) == f"blend 1 * ({describe(NETWORK)}) + 0.5 * ({describe(RIDGE)})"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"parts": [RIDGE], "weights": [1.0], "epochs": [0]}, "at least 2"),
        ({"parts": [RIDGE, LOW], "weights": [1.0], "epochs": [0, 0]}, "as many weights"),
        ({"parts": [RIDGE, NETWORK], "weights": [1.0, 1.0], "epochs": [0, 0]}, "at least one epoch"),
        ({"parts": [RIDGE, LOW], "weights": [1.0, -1.0], "epochs": [0, 0]}, "greater than 0"),
        (
            {"parts": [RIDGE, Filter(kind="linear", recency=1.0)], "weights": [1.0, 1.0], "epochs": [0, 0]},
            "share their recency",
        ),
    ],
)
def test_blends_that_make_no_sense_are_refused(values: dict[str, Any], said: str) -> None:
    plain = {**values, "parts": [part.model_dump(mode="json") for part in values["parts"]], "family": "blend"}
    with pytest.raises(UserError, match=said):
        architecture(plain)
