"""A small graph with everything that operators may read, and every operator in every form it has."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from recsmith.graph.graph import Graph, from_edges
from recsmith.model.names import EDGE_READERS, HEADED
from recsmith.operators import OPERATORS, operator

USERS, ITEMS, D = 6, 5, 4
N = USERS + ITEMS
EVENTS = ("view", "cart", "buy")
EDGES = np.array([[0, 0], [0, 0], [0, 1], [1, 1], [1, 2], [2, 0], [3, 3], [4, 3], [4, 1]])  # user 5, item 4: none
WEIGHT = np.array([1.0, 0.25, 0.5, 2.0, 1.0, 1.0, 0.25, 1.0, 3.0])
EVENT = np.array([0, 2, 0, 1, 0, 0, 2, 0, 1])
TIME = np.array([10, 20, -1, 40, 50, -1, 70, 80, 90]) * 10**5

CASES: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in OPERATORS}
CASES |= {f"{name} with heads": (name, {"heads": 2}) for name in HEADED}
CASES |= {f"{name} reading edges": (name, {"edge_dimension": 3}) for name in EDGE_READERS}
CASES |= {f"{name} with heads reading edges": (name, {"heads": 2, "edge_dimension": 3}) for name in HEADED}
CASES |= {f"{name} of other exponents": (name, {"target_exponent": 0.2}) for name in ("lightgcn", "gcn", "ngcf")}


def graph(
    users: np.ndarray = EDGES[:, 0],
    items: np.ndarray = EDGES[:, 1],
    *,
    weight: np.ndarray = WEIGHT,
    event: np.ndarray = EVENT,
    timestamp: np.ndarray = TIME,
) -> Graph:
    known = {"weight": weight, "event": event, "timestamp": np.maximum(timestamp, -1)}
    return from_edges(users, items, USERS, ITEMS, **known, events=EVENTS)


def larger() -> Graph:
    """Enough entries for several threads and blocks."""
    rng = np.random.default_rng(2)
    known = {"weight": rng.random(6000), "event": rng.integers(0, 3, 6000), "timestamp": rng.integers(-1, 10**7, 6000)}
    return from_edges(rng.integers(0, 300, 6000), rng.integers(0, 200, 6000), 300, 200, **known, events=EVENTS)


def made(case: str, dimension: int = D) -> torch.nn.Module:
    torch.manual_seed(3)
    name, knobs = CASES[case]
    heads = knobs.get("heads", 1)
    return operator(name, dimension, n_events=len(EVENTS), **{**knobs, "heads": 1 if dimension % heads else heads})


def nodes(dimension: int = D, n: int = N) -> torch.Tensor:
    return torch.randn(n, dimension, generator=torch.Generator().manual_seed(1))
