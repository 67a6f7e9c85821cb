"""On real interactions, networks learn more than what is popular."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recsmith.baselines import popularity
from recsmith.baselines.candidate import Candidate
from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.rank.evaluate import evaluate
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.model.architecture import Gnn

SETTINGS = FitSettings(device="cpu", threads=1, max_epochs=10, batch_size=4096)


@pytest.fixture(scope="module")
def movielens(mirror: Path) -> tuple[Graph, Relevant]:
    """MovieLens 100k: the last fifth of each user's ratings is to be found."""
    table = np.loadtxt(mirror / "ml-100k/ml-100k.inter", skiprows=1, usecols=(0, 1, 3), dtype=np.int64)
    users, items, times = table[np.lexsort((table[:, 1], table[:, 2], table[:, 0]))].T - np.array([[1], [1], [0]])
    counts = np.bincount(users)
    place = np.arange(len(users)) - np.repeat(np.cumsum(counts) - counts, counts)
    late = place >= 0.8 * counts[users]
    sizes = int(users.max()) + 1, int(items.max()) + 1
    return from_edges(users[~late], items[~late], *sizes, timestamp=times[~late]), from_pairs(
        users[late], items[late], *sizes
    )


@pytest.mark.slow
@pytest.mark.parametrize("operator", ["lightgcn", "gcn", "sage", "gat"])
def test_every_network_beats_popularity_by_a_fifth(operator: str, movielens: tuple[Graph, Relevant]) -> None:
    graph, valid = movielens
    architecture = Gnn(operators=(operator,), loss="sampled_softmax", negatives=64, learning_rate=0.01, dimension=32)
    fitted = fit(architecture, graph, SETTINGS, valid)
    popular = popularity.fit(Candidate("popularity"), graph, SETTINGS)
    ours, theirs = (evaluate(model, graph, valid, [20], 500)["ndcg@20"] for model in (fitted.model, popular))
    assert ours > 1.2 * theirs
