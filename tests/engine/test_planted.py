"""Data whose right answer is known: two communities that share nothing.

Four dimensions tell the communities apart and are too few to learn by heart who took what.
"""

from __future__ import annotations

import numpy as np
import pytest

from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.rank.ranking import top_lists
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.architecture import Gnn
from recsmith.model.names import COMBINATIONS, LOSSES, OPERATORS

USERS, ITEMS, TAKEN = 40, 60, 15


@pytest.fixture(scope="module")
def communities() -> Graph:
    """Users and items of even and of odd number; everybody takes half of the items of the own kind."""
    rng = np.random.default_rng(1)
    items = np.concatenate([user % 2 + 2 * rng.choice(ITEMS // 2, TAKEN, replace=False) for user in range(USERS)])
    return from_edges(np.repeat(np.arange(USERS), TAKEN), items, USERS, ITEMS)


def share_of_the_right_kind(architecture: Gnn, graph: Graph) -> float:
    """Of as many unseen items as there are of the own kind: the share that is of that kind (1 where none is missed)."""
    settings = FitSettings(seed=3, device="cpu", threads=1, batch_size=128, epochs=20)
    model = fit(architecture, graph, settings).model
    lists = top_lists(model, np.arange(USERS), ITEMS // 2 - TAKEN, graph, memory_mb=100)
    return float((lists % 2 == np.arange(USERS)[:, None] % 2).mean())


KNOBS = {"bpr": {}, "bce": {}, "directau": {"negative_weight": 0.2}}
"""In four dimensions there is little room to spread out; other losses see eight negatives."""


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_ranks_the_own_community_first(operator: str, communities: Graph) -> None:
    """Operators without neighbours (conv1d, dense, none) may not have learnt the last of it yet."""
    architecture = Gnn(operators=(operator, operator), dimension=4, learning_rate=0.02)
    assert share_of_the_right_kind(architecture, communities) > 0.97


@pytest.mark.parametrize("operator", ["lightgcn", "gcn"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_ranks_the_own_community_first(operator: str, loss: str, communities: Graph) -> None:
    knobs = {"operators": (operator, operator), "dimension": 4, "learning_rate": 0.02, "loss": loss}
    architecture = Gnn.model_validate(knobs | KNOBS.get(loss, {"negatives": 8}))
    assert share_of_the_right_kind(architecture, communities) == 1


@pytest.mark.parametrize(
    "knobs",
    [
        {"sampling": "popularity"},
        {"sampling": "in_batch"},
        {"sampling": "hard", "hard_pool": 2},
        {"contrast": "simgcl", "contrast_weight": 0.01},
        {"contrast": "xsimgcl", "contrast_weight": 0.01},
    ],
)
def test_all_negatives_and_contrasts_rank_the_own_community_first(
    knobs: dict[str, str | float], communities: Graph
) -> None:
    """Large pools of hard negatives do not, rightly: here the hardest are the very items that are to be found."""
    fixed = {"operators": ("lightgcn", "lightgcn"), "dimension": 4, "learning_rate": 0.02}
    assert share_of_the_right_kind(Gnn.model_validate(fixed | knobs), communities) == 1


@pytest.mark.parametrize("combination", COMBINATIONS)
@pytest.mark.parametrize("head", ["dot", "cosine"])
def test_every_combination_and_head_ranks_the_own_community_first(
    combination: str, head: str, communities: Graph
) -> None:
    architecture = Gnn.model_validate(
        {
            "operators": ("lightgcn", "gcn"),
            "dimension": 4,
            "combination": combination,
            "head": head,
            "activation": "relu",
            "dropout": 0.1,
            "temperature": 0.5,
            "learning_rate": 0.02,
        }
    )
    assert share_of_the_right_kind(architecture, communities) == 1
