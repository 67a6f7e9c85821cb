"""Small data and tasks for the tests of the search."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recsmith.config.base import Run
from recsmith.config.search import Search
from recsmith.graph import graph as graphs
from recsmith.graph import relevant as pairs
from recsmith.search import attempt
from recsmith.search.task import Task, task_of

if TYPE_CHECKING:
    import pytest

CLUSTERS, NICHE, HITS = 8, 30, 10
FILTERS = {"filters": ["linear"], "left_exponent": [0.0], "right_exponent": [-1.0, 1.0]}


def tastes(folder: Path, users: int = 60, items: int = 40, seed: int = 3) -> Path:
    """Users of four tastes; each touches items of one, and one more of them is to be found."""
    generator = np.random.default_rng(seed)
    seen, wanted = [], []
    for user in range(users):
        mine = np.flatnonzero(np.arange(items) % 4 == user % 4)
        touched = generator.permutation(mine)[:6]
        seen += [(user, item) for item in touched[:5]]
        wanted.append((user, touched[5]))
    return _saved(folder, seen, wanted, users, items)


def disagreement(folder: Path) -> Path:
    """Many users want one blockbuster each, few want ten niche items each.

    A filter that favours the popular finds something for most users (hit_rate@10), one that favours the niche finds
    much for few (ndcg@20).
    """
    generator, seen, wanted = np.random.default_rng(5), [], []
    n_items = HITS + CLUSTERS * NICHE
    for user in range(200):
        cluster = HITS + (user % CLUSTERS) * NICHE + generator.permutation(NICHE)
        if user < 80:
            seen += [(user, item) for item in cluster[:10]]
            wanted += [(user, HITS - 1)] if user < 44 else [(user, item) for item in cluster[10:20]]
        else:
            # Fans of blockbusters, each a little rarer than the one before, who know two niche items.
            seen += [(user, item) for item in range(HITS) if user % 3 or item < HITS - (user % 20) // 2]
            seen += [(user, item) for item in cluster[:2]]
    return _saved(folder, seen, wanted, 200, n_items)


def _saved(folder: Path, seen: list[Any], wanted: list[Any], users: int, items: int) -> Path:
    left, right = np.array(seen), np.array(wanted)
    graphs.from_edges(left[:, 0], left[:, 1], users, items).save(folder / "fit")
    pairs.from_pairs(right[:, 0], right[:, 1], users, items).save(folder / "valid")
    return folder


def task(data: Path, work: Path, **search: Any) -> Task:
    """A tiny task over saved data; keywords are parameters of the section ``search``."""
    values = {
        "preset": "tiny",
        "trials": 4,
        "max_epochs": 2,
        "batch_size": 256,
        "trial_seconds": 120,
        "published": 0,
        **search,
    }
    return task_of(Search.model_validate(values), Run(threads=1, device="cpu"), data / "fit", data / "valid", work)


def eventually(test: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What ``test`` gives as soon as it is true; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (value := test()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return value


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys of the candidates that are really fitted."""
    fitted: list[str] = []
    inner = attempt._fitted

    def fit(described: Task, candidate: Any, key: str) -> Any:
        fitted.append(key)
        return inner(described, candidate, key)

    monkeypatch.setattr(attempt, "_fitted", fit)
    return fitted
