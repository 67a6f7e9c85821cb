"""A graph in numbers."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)


def stats(fit: Graph, refit: Graph, valid: Relevant) -> dict[str, Any]:
    """Sizes, density, degrees and bytes of both graphs."""
    return {
        "users": fit.n_users,
        "items": fit.n_items,
        "fit": one(fit),
        "refit": one(refit),
        "valid": {"users": len(valid.users), "pairs": int(valid.n_relevant.sum())},
    }


def one(graph: Graph) -> dict[str, Any]:
    """``density`` is pairs / (users * items); degrees count distinct neighbours; isolated nodes have none."""
    users, items = graph.degrees
    pairs = int(users.sum())
    events = np.asarray(graph.event)
    return {
        "edges": graph.n_edges,
        "pairs": pairs,
        "density": pairs / max(graph.n_users * graph.n_items, 1),
        "events": {name: int(np.count_nonzero(events == code)) for code, name in enumerate(graph.events)},
        "user_degree": _quantiles(users),
        "item_degree": _quantiles(items),
        "isolated_users": int((users == 0).sum()),
        "isolated_items": int((items == 0).sum()),
        "zero_weights": int((np.asarray(graph.weight) == 0).sum()),
        "bytes": sum(getattr(graph, field.name).nbytes for field in fields(graph) if field.name != "events"),
    }


def _quantiles(degrees: np.ndarray) -> dict[str, int]:
    if not len(degrees):
        return {}
    values = np.quantile(degrees, QUANTILES, method="inverted_cdf")
    return {f"q{int(100 * q):02d}": int(value) for q, value in zip(QUANTILES, values, strict=True)}
