"""The best finished candidates added up: chosen on valid, nothing trained again, recorded like a trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from searches import task, tastes

from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.rank.evaluate import evaluate
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Blend, Filter, Gnn
from recsmith.model.record import Record
from recsmith.search import blending, choose
from recsmith.search.attempt import tried
from recsmith.search.kept import MOST, Kept
from recsmith.search.task import KEPT, Task, fit_values

METRIC = "ndcg@20"
NETWORKS = [Gnn(operators=("lightgcn",), dimension=4, learning_rate=rate) for rate in (0.005, 0.01, 0.02, 0.05)]
FILTERS = [Filter(kind="ridge", l2=10.0), Filter(kind="neighbours", neighbours=5)]


@pytest.fixture
def described(tmp_path: Path) -> Task:
    return task(tastes(tmp_path / "data"), tmp_path / "work", max_epochs=6, blend=3)


def rows(described: Task, architectures: list[Any]) -> list[choose.Candidate]:
    found = [tried(described, one, described.key(one))[0] for one in architectures]
    return [choose.Candidate(number, record) for number, record in enumerate(found, start=1)]


def always(numbers: Any) -> bool:
    return True


def test_selection_adds_what_raises_the_value_most_and_stops_where_nothing_does() -> None:
    wanted = torch.tensor([2.0, 1.0, 0.5])
    parts = [torch.tensor([2.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 4.0]), torch.tensor([0.0, 2.0, 0.0])]
    chosen = blending.select(parts, 5, lambda total: -float((total - wanted).abs().sum()), always)
    assert chosen == {0: 1.0, 2: 0.5}
    assert list(chosen) == [0, 2]


def test_selection_takes_no_more_than_asked_for_and_only_what_goes_together() -> None:
    parts = [torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([3.0])]
    assert len(blending.select(parts, 2, lambda total: float(total.sum()), always)) == 2
    assert list(blending.select(parts, 3, lambda total: float(total.sum()), lambda numbers: 2 not in numbers)) == [0, 1]


def test_a_blend_takes_part_with_its_value_on_all_valid_users(described: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blending, "GAIN", 0.0)
    before = rows(described, [*NETWORKS[2:], *FILTERS])
    after = blending.blend(described, before, lambda text: None)
    assert after[:-1] == before
    record = after[-1].record
    assert isinstance(record.architecture, Blend)
    assert (record.name, record.source, record.users) == ("blend", "search", None)
    graph, valid = Graph.load(described.graph), Relevant.load(described.valid)
    again = fit(record.architecture, graph, FitSettings(**fit_values(described)))
    expected = evaluate(again.model, graph, valid, described.budget.cutoffs, 500)
    assert record.metrics == pytest.approx(expected, abs=1e-6)
    assert record.metrics[METRIC] > max(row.record.metrics[METRIC] for row in before)
    assert choose.crown(after, METRIC, graph.n_users, graph.n_items).record == record


def test_with_one_allowed_or_one_there_nothing_is_blended(described: Task) -> None:
    before = rows(described, FILTERS)
    alone = described.model_copy(update={"blend": 1})
    assert blending.blend(alone, before, lambda text: None) == before
    assert blending.blend(described, before[:1], lambda text: None) == before[:1]


def test_only_whole_trials_of_the_search_are_in_the_pool(described: Task) -> None:
    found = rows(described, [NETWORKS[0], FILTERS[0]])
    part = found[0].record.model_copy(update={"fidelity": 0.5, "key": "part"})
    baseline = found[1].record.model_copy(update={"source": "baseline", "key": "baseline"})
    more = [*found, choose.Candidate(3, part), choose.Candidate(0, baseline)]
    assert {record.key for record in blending.pool(more, METRIC)} == {row.record.key for row in found}


def test_the_best_networks_are_kept_as_they_were_fitted(described: Task) -> None:
    records: list[Record] = [row.record for row in rows(described, NETWORKS)]
    kept, graph = Kept(Path(described.folder) / KEPT), Graph.load(described.graph)
    ordered = sorted(records, key=lambda record: -record.metrics[METRIC])
    assert [kept.load(record.key, graph) is not None for record in ordered] == [True] * MOST + [False]
    best, settings = ordered[0], FitSettings(**{**fit_values(described), "epochs": ordered[0].epochs})
    assert best.architecture is not None
    again = fit(best.architecture, graph, settings)
    loaded = kept.load(best.key, graph)
    assert loaded is not None
    assert torch.equal(loaded.model.scores(np.arange(9)), again.model.scores(np.arange(9)))


def test_filters_that_fade_differently_are_not_added_up(described: Task) -> None:
    faded = [Filter(kind="ridge", l2=10.0, recency=value) for value in (0.0, 1.0)]
    after = blending.blend(described, rows(described, faded), lambda text: None)
    assert all(not isinstance(row.record.architecture, Blend) for row in after)


def test_a_part_that_adds_less_than_one_percent_is_not_worth_its_bytes() -> None:
    parts = [torch.tensor([1.0]), torch.tensor([0.002])]
    assert blending.select(parts, 2, lambda total: float(total.sum()), always) == {0: 1.0}


def test_where_nothing_gains_enough_it_is_said_how_much_would_be(
    described: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blending, "GAIN", 0.5)
    before, said = rows(described, FILTERS), []
    assert blending.blend(described, before, said.append) == before
    assert said == ["no blend of the best candidates is better than the best alone by 50%"]
