"""Batches from a graph that stays on disk."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recsmith.engine.batch.mapped import MappedPairs
from recsmith.engine.batch.sampling import Sampler
from recsmith.engine.fit import FitSettings, fit
from recsmith.errors import SizedOut
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.gnn import Gnn

CPU = torch.device("cpu")


def graph_of(events: int, seed: int = 0) -> Graph:
    """Random, with users of no item, one of every item, and parallel edges where there is more than one event."""
    rng = np.random.default_rng(seed)
    there = rng.random((20, 12, events)) < 0.3
    there[3], there[4], there[19] = True, False, False
    users, items, event = np.nonzero(there)
    return from_edges(users, items, 20, 12, event=event, events=tuple("abc"[:events]))


@pytest.mark.parametrize("events", [1, 3])
@pytest.mark.parametrize(
    "knobs", [{}, {"negatives": 4, "loss": "sampled_softmax"}, {"sampling": "hard"}, {"sampling": "popularity"}]
)
def test_batches_of_a_mapped_graph_are_those_of_a_held_one(events: int, knobs: dict[str, Any], tmp_path: Path) -> None:
    graph = graph_of(events)
    graph.save(tmp_path)
    held = Sampler(graph, Gnn(**knobs), 16, 5, CPU)
    mapped = Sampler(Graph.load(tmp_path), Gnn(**knobs), 16, 5, CPU, mapped=True)
    assert len(mapped.users) == len(held.users) == graph.binary.nnz
    for _ in range(2):
        for one, other in zip(held.epoch(), mapped.epoch(), strict=True):
            for field in fields(one):
                first, second = getattr(one, field.name), getattr(other, field.name)
                assert field.name == "known" or (
                    torch.equal(first, second) if torch.is_tensor(first) else first == second
                )


@pytest.mark.parametrize("events", [1, 3])
def test_every_pair_is_known_and_no_other(events: int) -> None:
    graph = graph_of(events)
    users, items = torch.arange(20)[:, None], torch.arange(12)[None]
    assert np.array_equal(MappedPairs(graph).contain(users, items).numpy(), graph.binary.toarray() > 0)


def test_a_linear_network_on_drawn_neighbourhoods_needs_no_memory_for_the_edges() -> None:
    rng = np.random.default_rng(0)
    graph = from_edges(rng.integers(0, 200, 200_000), rng.integers(0, 100, 200_000), 200, 100)
    settings = FitSettings(device="cpu", threads=1, memory_mb=5, epochs=1, batch_size=256, accumulate=8)
    architecture = Gnn(operators=("lightgcn",), dimension=2)
    with pytest.raises(SizedOut, match="needs about"):
        fit(architecture, graph, settings)
    drawn = FitSettings(**{**vars(settings), "fan_out": (2,)})
    assert fit(architecture, graph, drawn).epochs == 1
    with pytest.raises(SizedOut, match="needs about"):
        fit(Gnn(operators=("gcn",), dimension=2), graph, drawn)


def test_vectors_made_in_blocks_are_those_of_the_whole_graph() -> None:
    graph, architecture = graph_of(3), Gnn(operators=("lightgcn", "lightgcn"), dimension=4)
    settings = FitSettings(device="cpu", threads=1, epochs=2, batch_size=16)
    found = [fit(architecture, graph, FitSettings(**{**vars(settings), "fan_out": out})) for out in ((), (99, 99))]
    for table in ("user_vectors", "item_vectors"):
        one, other = (getattr(fitted.model, table) for fitted in found)
        assert (one - other).abs().max() < 1e-5
