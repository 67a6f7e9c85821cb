"""Training: repeatable, stopped early, never silently wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from recsmith.engine.fit import FitSettings, Fitted, fit
from recsmith.engine.rank.evaluate import evaluate
from recsmith.errors import SizedOut, UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.model.architecture import Filter, Gnn

USERS, ITEMS = 30, 40
SETTINGS = FitSettings(seed=5, device="cpu", threads=1, max_epochs=6, patience=9, evaluate_every=1, batch_size=64)
SMALL = Gnn(operators=("lightgcn",), dimension=8, learning_rate=0.02)

ARCHITECTURES = {
    "lightgcn": SMALL,
    "matrix factorisation": Gnn(operators=(), dimension=8),
    "gcn with dropout": Gnn(operators=("gcn", "sage"), dimension=8, dropout=0.3, activation="elu", residual=True),
    "gat": Gnn(operators=("gat",), dimension=8, combination="concat", activation="leaky_relu"),
    "softmax of cosines": Gnn(
        operators=("lightgcn", "none"),
        dimension=8,
        loss="sampled_softmax",
        negatives=16,
        head="cosine",
        temperature=0.2,
    ),
}
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES.keys())


def edges(seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of the first users and items; the last user and the last item have none."""
    keys = np.random.default_rng(seed).choice((USERS - 1) * (ITEMS - 1), number, replace=False)
    return keys // (ITEMS - 1), keys % (ITEMS - 1)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return from_edges(*edges(1, 200), USERS, ITEMS)


@pytest.fixture(scope="module")
def valid() -> Relevant:
    return from_pairs(*edges(2, 60), USERS, ITEMS)


def same(first: Fitted, second: Fitted) -> bool:
    """Whether both hold the same bytes."""
    pairs = [(getattr(first.model, name), getattr(second.model, name)) for name in ("user_vectors", "item_vectors")]
    return all(torch.equal(one, other) for one, other in pairs)


@every_architecture
def test_equal_seeds_give_equal_bytes(architecture: Gnn, graph: Graph, valid: Relevant) -> None:
    torch.manual_seed(1)
    first = fit(architecture, graph, SETTINGS, valid)
    torch.manual_seed(2)
    second = fit(architecture, graph, SETTINGS, valid)
    assert same(first, second)
    assert first.history == second.history


def test_another_seed_gives_another_model(graph: Graph, valid: Relevant) -> None:
    assert not same(fit(SMALL, graph, SETTINGS, valid), fit(SMALL, graph, replace(SETTINGS, seed=6), valid))


@every_architecture
def test_a_longer_run_repeats_a_shorter_one(architecture: Gnn, graph: Graph, valid: Relevant) -> None:
    short, long = (fit(architecture, graph, replace(SETTINGS, max_epochs=n), valid) for n in (3, 6))
    assert long.history[:3] == short.history


def test_a_longer_run_is_never_worse(graph: Graph, valid: Relevant) -> None:
    for every in (1, 2, 4):
        best = [
            max(row.get("ndcg@20", 0.0) for row in fit(SMALL, graph, settings, valid).history)
            for settings in (replace(SETTINGS, max_epochs=n, evaluate_every=every) for n in range(1, 7))
        ]
        assert best == sorted(best)


@every_architecture
def test_a_fixed_number_of_epochs_gives_what_early_stopping_kept(
    architecture: Gnn, graph: Graph, valid: Relevant
) -> None:
    stopped = fit(architecture, graph, SETTINGS, valid)
    fixed = fit(architecture, graph, replace(SETTINGS, epochs=stopped.epochs))
    assert same(stopped, fixed)
    assert fixed.epochs == stopped.epochs == len(fixed.history)


def test_how_often_valid_is_measured_does_not_change_what_is_learnt(graph: Graph, valid: Relevant) -> None:
    losses = [
        [row["loss"] for row in fit(SMALL, graph, replace(SETTINGS, evaluate_every=n), valid).history] for n in (1, 3)
    ]
    assert losses[0] == losses[1]


def test_the_first_of_the_best_epochs_is_kept_and_scores_what_its_row_says(graph: Graph, valid: Relevant) -> None:
    fitted = fit(SMALL, graph, SETTINGS, valid)
    values = [row["ndcg@20"] for row in fitted.history]
    assert fitted.epochs == 1 + values.index(max(values))
    assert evaluate(fitted.model, graph, valid, [20], 100)["ndcg@20"] == max(values)


def test_training_stops_when_patience_is_spent(graph: Graph, valid: Relevant) -> None:
    still = SMALL.model_copy(update={"learning_rate": 1e-12})
    fitted = fit(still, graph, replace(SETTINGS, max_epochs=50, patience=3, evaluate_every=2), valid)
    assert fitted.epochs == 1
    assert len(fitted.history) == 6


def test_epochs_that_could_not_be_chosen_are_not_trained(graph: Graph, valid: Relevant) -> None:
    fitted = fit(SMALL, graph, replace(SETTINGS, max_epochs=5, evaluate_every=3), valid)
    assert [("ndcg@20" in row) for row in fitted.history] == [True, False, True]


def test_on_epoch_hears_of_every_epoch_when_it_ends(graph: Graph, valid: Relevant) -> None:
    heard: list[dict[str, Any]] = []
    fitted = fit(SMALL, graph, SETTINGS, valid, lambda row: heard.append(dict(row)))
    assert set(heard[0]) == {"epoch", "loss", "ndcg@20", "seconds", "memory_mb"}
    kept = [{name: value for name, value in row.items() if name not in ("seconds", "memory_mb")} for row in heard]
    assert kept == fitted.history


def test_another_metric_decides_where_it_is_asked_for(graph: Graph, valid: Relevant) -> None:
    fitted = fit(SMALL, graph, replace(SETTINGS, metric="recall@5"), valid)
    assert fitted.epochs == 1 + int(np.argmax([row["recall@5"] for row in fitted.history]))


def test_a_graph_without_edges_is_refused(valid: Relevant) -> None:
    nothing = from_edges(np.zeros(0, int), np.zeros(0, int), USERS, ITEMS)
    for architecture in (SMALL, Filter()):
        with pytest.raises(UserError, match="no edges"):
            fit(architecture, nothing, SETTINGS, valid)


def test_early_stopping_without_valid_pairs_is_refused(graph: Graph) -> None:
    for valid in (None, from_pairs(np.zeros(0, int), np.zeros(0, int), USERS, ITEMS)):
        with pytest.raises(UserError, match="needs valid pairs"):
            fit(SMALL, graph, SETTINGS, valid)


def test_a_diverging_loss_names_step_and_learning_rate(graph: Graph, valid: Relevant) -> None:
    wild = SMALL.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(UserError, match=r"at step \d+ with learning_rate = 1e\+30 .*search.space.learning_rate"):
        fit(wild, graph, SETTINGS, valid)


def test_what_cannot_fit_into_memory_is_refused_before_it_starts(graph: Graph, valid: Relevant) -> None:
    huge = SMALL.model_copy(update={"dimension": 1_000_000})
    with pytest.raises(SizedOut, match=r"run\.memory_mb = 2000"):
        fit(huge, graph, SETTINGS, valid)


def test_what_torch_was_set_to_before_is_set_again(graph: Graph, valid: Relevant) -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.get_rng_state()
    fit(ARCHITECTURES["gcn with dropout"], graph, SETTINGS, valid)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before[:2]
    assert torch.equal(torch.get_rng_state(), before[2])


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device: str, graph: Graph, valid: Relevant) -> None:
    with pytest.raises(UserError, match=r"run\.device"):
        fit(SMALL, graph, replace(SETTINGS, device=device), valid)


@every_architecture
def test_users_without_history_get_popularity_and_all_scores_are_finite(
    architecture: Gnn, graph: Graph, valid: Relevant
) -> None:
    model = fit(architecture, graph, replace(SETTINGS, max_epochs=1), valid).model
    out = model.scores(np.arange(USERS))
    assert out.shape == (USERS, ITEMS)
    assert torch.isfinite(out).all()
    assert np.array_equal(out[USERS - 1].numpy(), np.asarray(graph.binary.sum(0)).ravel())


@pytest.mark.parametrize(
    "change",
    [
        {"dimension": 1},
        {"negatives": 500, "loss": "sampled_softmax"},
        {"weight_decay": 0.0},
        {"operators": ("none",)},
        {"dropout": 0.9},
    ],
)
def test_extreme_knobs_are_trained_with(change: dict[str, Any], graph: Graph, valid: Relevant) -> None:
    fitted = fit(SMALL.model_copy(update=change), graph, replace(SETTINGS, batch_size=100_000), valid)
    assert np.isfinite([row["loss"] for row in fitted.history]).all()


def test_one_pair_is_enough_to_train_on() -> None:
    tiny = from_edges(np.array([0]), np.array([0]), 1, 1)
    assert fit(SMALL, tiny, replace(SETTINGS, epochs=2)).epochs == 2


def test_vectors_of_the_cosine_head_have_length_one(graph: Graph, valid: Relevant) -> None:
    model = fit(ARCHITECTURES["softmax of cosines"], graph, SETTINGS, valid).model
    lengths = torch.cat([model.user_vectors, model.item_vectors]).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(USERS + ITEMS))


def test_concatenated_layers_are_as_wide_as_all_together(graph: Graph, valid: Relevant) -> None:
    model = fit(ARCHITECTURES["gat"], graph, replace(SETTINGS, max_epochs=1), valid).model
    assert model.user_vectors.shape == (USERS, 16)


def test_filters_are_fitted_by_the_same_call(graph: Graph, valid: Relevant) -> None:
    fitted = fit(Filter(kind="linear"), graph, SETTINGS, valid)
    assert (fitted.epochs, fitted.history) == (0, [])
    assert fitted.model.scores(np.arange(3)).shape == (3, ITEMS)
