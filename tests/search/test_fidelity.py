"""Trials that get a share of the budget: cheaper, told apart from whole ones, and never crowned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from searches import task, tastes

from recsmith.config.search import Rungs
from recsmith.graph.graph import Graph, from_edges
from recsmith.search import choose
from recsmith.search.attempt import answer
from recsmith.search.sample import thinned
from recsmith.search.store import Store
from recsmith.search.tree import FIDELITY, NUMBER

METRIC = "ndcg@20"
NETWORK: dict[str, Any] = {
    "family": {
        "_name": "gnn",
        "operator": {"_name": "none"},
        "dimension": 8,
        "start": "random",
        "head": "dot",
        "learning_rate": 0.01,
        "weight_decay": 1e-4,
        "clip": 0.0,
        "optimizer": "adam",
        "loss": {"_name": "bpr", "sampling": {"_name": "uniform"}},
        "schedule": {"_name": "constant"},
    }
}
FILTER: dict[str, Any] = {"family": {"_name": "filter", "kind": {"_name": "ridge", "l2": 10.0}, "recency": 0.0}}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tastes(tmp_path / "data")


def test_a_share_of_the_epochs_trains_fewer_and_is_recorded_beside_the_whole(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path, max_epochs=8, patience=9)
    some = answer(described, {**NETWORK, NUMBER: 0, FIDELITY: 0.25})
    whole = answer(described, {**NETWORK, NUMBER: 1})
    records = {one.key: Store(Path(described.folder)).load(one.key) for one in (some, whole)}
    assert len(records) == 2
    part, full = records[some.key], records[whole.key]
    assert part is not None
    assert full is not None
    assert (part.fidelity, full.fidelity) == (0.25, 1.0)
    assert part.epochs <= 2


def test_only_whole_trials_are_crowned(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path, max_epochs=8)
    answers = [answer(described, {**NETWORK, NUMBER: 0, FIDELITY: 0.5}), answer(described, {**FILTER, NUMBER: 1})]
    rows = choose.candidates(described, answers, [])
    assert [row.final(METRIC) is None for row in rows] == [True, False]
    assert choose.crown(rows, METRIC, 60, 40).number == 2
    table = choose.trials_csv(rows, METRIC).splitlines()
    column = table[0].split(",").index("fidelity")
    assert [line.split(",")[column] for line in table[1:]] == ["0.5", "1.0"]


def test_a_filter_has_no_epochs_to_cut_so_its_record_is_the_whole_one(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path)
    some, whole = (answer(described, {**FILTER, NUMBER: 0, FIDELITY: share}) for share in (0.1, 1.0))
    assert (some.key, whole.known) == (whole.key, True)


def test_a_share_of_the_edges_is_learnt_from_by_filters_too(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path, rungs={"shares": [0.5], "cuts": "edges"})
    some, whole = (answer(described, {**FILTER, NUMBER: 0, FIDELITY: share}) for share in (0.2, 1.0))
    assert some.key != whole.key
    assert some.value != whole.value


@given(st.integers(0, 2**31), st.floats(0.01, 0.99))
def test_thinning_keeps_a_share_of_every_history_with_its_attributes(seed: int, share: float) -> None:
    generator = np.random.default_rng(seed)
    users, items = generator.integers(0, 9, 60), generator.integers(0, 30, 60)
    graph = from_edges(users, items, 10, 30, weight=generator.random(60), timestamp=generator.integers(0, 99, 60))
    some = thinned(graph, share, seed)
    assert np.array_equal(np.diff(some.indptr), np.ceil(share * np.diff(graph.indptr)))
    assert _edges(some) <= _edges(graph)
    assert _edges(thinned(graph, share, seed)) == _edges(some)


def _edges(graph: Graph) -> set[tuple[Any, ...]]:
    users = np.repeat(np.arange(graph.n_users), np.diff(graph.indptr))
    columns = (users, graph.indices, graph.weight, graph.timestamp, graph.event)
    return set(zip(*(np.asarray(column).tolist() for column in columns), strict=True))


def test_shares_that_do_not_ascend_are_refused() -> None:
    with pytest.raises(ValueError, match="do not ascend"):
        Rungs(shares=(0.5, 0.1))


def test_a_fidelity_is_no_knob_of_the_space(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path)
    assert answer(described, {**FILTER, NUMBER: 0, FIDELITY: 0.5, "stray": 1}).value == 0.0
