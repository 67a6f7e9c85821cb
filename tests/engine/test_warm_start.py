"""A network that starts from an earlier one stands where that stood."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recsmith.engine.fit import FitSettings, Start, fit
from recsmith.engine.network.gnn import network
from recsmith.engine.network.warm import EMBEDDINGS, placed
from recsmith.engine.store import load_learnt, load_model, save_model
from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import from_pairs
from recsmith.model.architecture import Filter, Gnn

SETTINGS = FitSettings(device="cpu", threads=1, epochs=3, batch_size=16)
NETWORK = Gnn(operators=("gcn", "gcn"), dimension=4, combination="learned")


def drawn(n_users: int, n_items: int, seed: int = 0) -> Graph:
    random = np.random.default_rng(seed)
    pairs = np.unique(random.integers(0, [n_users, n_items], size=(4 * n_users, 2)), axis=0)
    return from_edges(pairs[:, 0], pairs[:, 1], n_users, n_items)


def start_of(learnt: dict[str, torch.Tensor] | None, nodes: np.ndarray) -> Start:
    assert learnt is not None
    return Start(NETWORK, learnt, nodes)


def test_on_the_same_graph_no_epoch_is_where_the_earlier_one_ended(tmp_path: Path) -> None:
    graph = drawn(12, 9)
    earlier = fit(NETWORK, graph, SETTINGS)
    save_model(earlier, tmp_path / "final", graph)
    architecture, learnt = load_learnt(tmp_path / "final")
    assert architecture == NETWORK
    start = start_of(learnt, np.arange(21))
    later = fit(NETWORK, graph, replace(SETTINGS, epochs=0), start=start)
    assert torch.equal(later.model.scores(np.arange(12)), earlier.model.scores(np.arange(12)))


def test_ids_find_their_vectors_and_new_ones_are_drawn_as_usual() -> None:
    earlier, graph = fit(NETWORK, drawn(12, 9), SETTINGS), drawn(14, 10, seed=1)
    assert earlier.learnt is not None
    nodes = np.concatenate((np.arange(12), [-1, -1], np.arange(12, 21)[::-1], [-1]))
    torch.manual_seed(5)
    cold = network(NETWORK, graph)
    torch.manual_seed(5)
    warm = network(NETWORK, graph)
    start = start_of(earlier.learnt, nodes)
    start.begin(warm)
    table = earlier.learnt[EMBEDDINGS]
    assert torch.equal(warm.embeddings[:12], table[:12])
    assert torch.equal(warm.embeddings[14:23], table[12:21].flip(0))
    assert torch.equal(warm.embeddings[[12, 13, 23]], cold.embeddings[[12, 13, 23]])
    assert torch.equal(warm.state_dict()["combination.logits"], earlier.learnt["combination.logits"])
    assert start.known == 21


def test_the_epoch_that_is_kept_is_the_one_that_was_learnt() -> None:
    graph = drawn(12, 9)
    valid = from_pairs(np.arange(12), np.arange(12) % 9, 12, 9)
    stopped = replace(SETTINGS, epochs=None, max_epochs=6, patience=2, evaluate_every=1)
    best = fit(NETWORK, graph, stopped, valid)
    again = fit(NETWORK, graph, replace(stopped, epochs=best.epochs))
    assert best.learnt is not None
    assert again.learnt is not None
    assert all(torch.equal(best.learnt[name], again.learnt[name]) for name in again.learnt)


def test_an_interrupted_warm_fit_ends_with_the_bytes_of_an_undisturbed_one(tmp_path: Path) -> None:
    graph = drawn(12, 9)
    start = start_of(fit(NETWORK, graph, SETTINGS).learnt, np.arange(21))
    whole = fit(NETWORK, graph, SETTINGS, start=start)
    kept = replace(SETTINGS, checkpoints=str(tmp_path))

    def stop(row: dict[str, object]) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(NETWORK, graph, kept, on_epoch=stop, start=start)
    said: list[str] = []
    resumed = fit(NETWORK, graph, kept, say=said.append, start=start)
    assert said == ["resumed at epoch 3"]
    assert torch.equal(resumed.model.scores(np.arange(12)), whole.model.scores(np.arange(12)))
    fit(NETWORK, graph, kept, say=said.append)
    assert said == ["resumed at epoch 3"], "a cold fit does not go on from a warm one's checkpoint"


def test_another_architecture_or_graph_is_refused() -> None:
    graph = drawn(12, 9)
    start = start_of(fit(NETWORK, graph, SETTINGS).learnt, np.arange(21))
    with pytest.raises(UserError, match="same architecture"):
        fit(NETWORK.model_copy(update={"dimension": 8}), graph, SETTINGS, start=start)
    with pytest.raises(UserError, match="knows 21 nodes, the graph has 22"):
        fit(NETWORK, drawn(12, 10), SETTINGS, start=start)


def test_a_filter_has_nothing_that_is_learnt_in_steps(tmp_path: Path) -> None:
    graph, ridge = drawn(12, 9), Filter(kind="ridge", l2=3.0)
    save_model(fit(ridge, graph, SETTINGS), tmp_path / "final", graph)
    assert load_learnt(tmp_path / "final") == (ridge, None)
    assert load_model(tmp_path / "final", graph, SETTINGS).learnt is None


def test_ids_are_looked_up_whatever_their_order() -> None:
    now, earlier = np.array(["b", "z", "a", "c"]), np.array(["c", "a", "b"])
    assert placed(now, earlier).tolist() == [2, -1, 1, 0]
    assert placed(now, np.array([], dtype=str)).tolist() == [-1] * 4
