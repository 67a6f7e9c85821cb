"""A network with a second loss, as a student of a teacher has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from fitting import ITEMS, SETTINGS, SMALL, USERS, small_graph, tables
from torch import nn

from recsmith.engine.batch.sampling import Batch
from recsmith.engine.fit import fit
from recsmith.engine.network.gnn import Network
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.errors import UserError

FIXED = replace(SETTINGS, epochs=4)
TARGET = torch.randn(USERS + ITEMS, 3, generator=torch.Generator().manual_seed(3))


class Towards(nn.Module):
    """How far a map of the vectors is from what is wanted."""

    def __init__(self, network: Network, adjacency: Adjacency) -> None:
        super().__init__()
        self.map = nn.Linear(network.architecture.dimension, 3)
        self.first = self.map.weight.detach().clone()

    def forward(self, vectors: torch.Tensor, batch: Batch) -> torch.Tensor:
        return 100 * (self.map(vectors) - TARGET).square().mean()


def kept(made: list[Towards]) -> Callable[[Network, Adjacency], Towards]:
    def guide(network: Network, adjacency: Adjacency) -> Towards:
        made.append(Towards(network, adjacency))
        return made[-1]

    return guide


def test_a_guide_pulls_the_vectors_and_is_trained_itself() -> None:
    alone, made = fit(SMALL, small_graph(), FIXED), list[Towards]()
    guided = fit(SMALL, small_graph(), FIXED, guide=kept(made))
    assert not torch.equal(made[0].map.weight, made[0].first)

    def missed(vectors: torch.Tensor) -> float:
        """What the best map of the vectors leaves of the target."""
        inputs = torch.cat([vectors, torch.ones(len(vectors), 1)], 1)
        return float((inputs @ torch.linalg.lstsq(inputs, TARGET).solution - TARGET).square().mean())

    assert missed(tables(guided)) < missed(tables(alone))


def test_what_was_learnt_is_the_network_and_repeats_itself() -> None:
    one, two = (fit(SMALL, small_graph(), FIXED, guide=Towards) for _ in range(2))
    assert one.learnt is not None
    assert list(one.learnt) == ["embeddings"]
    assert torch.equal(tables(one), tables(two))


@pytest.mark.parametrize(
    ("settings", "knobs"),
    [
        ({"accumulate": 2}, {}),
        ({"fan_out": (3, 3)}, {}),
        ({}, {"propagate_every": 4}),
        ({"checkpoints": "kept"}, {}),
    ],
)
def test_a_guide_needs_all_vectors_at_every_step(settings: dict[str, Any], knobs: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="whole batches on the whole graph"):
        fit(SMALL.model_copy(update=knobs), small_graph(), replace(FIXED, **settings), guide=Towards)
